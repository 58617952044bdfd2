"""Encoders of photos, and the embedding cache."""

from longtailor.encoders.cache import EmbeddingCache, cache_folder
from longtailor.encoders.embed import Embeddings, embed_images, stream_embeddings
from longtailor.encoders.encoder import Encoder
from longtailor.encoders.load import DEFAULT_ENCODER, load_encoder

__all__ = [
    "DEFAULT_ENCODER",
    "EmbeddingCache",
    "Embeddings",
    "Encoder",
    "cache_folder",
    "embed_images",
    "load_encoder",
    "stream_embeddings",
]
