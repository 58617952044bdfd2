"""Encoders of images and texts, and the embedding cache."""

from longtailor.encoders.cache import EmbeddingCache, cache_folder
from longtailor.encoders.embed import Embeddings, embed_images, stream_embeddings
from longtailor.encoders.embed_inputs import Encoders, ProductEmbeddings, embed_inputs
from longtailor.encoders.embed_texts import embed_texts
from longtailor.encoders.encoder import Encoder, View
from longtailor.encoders.load import (
    DEFAULT_ENCODER,
    DEFAULT_TEXT_ENCODER,
    load_encoder,
    load_text_encoder,
)
from longtailor.encoders.text import AnyEncoder, TextEncoder

__all__ = [
    "DEFAULT_ENCODER",
    "DEFAULT_TEXT_ENCODER",
    "AnyEncoder",
    "EmbeddingCache",
    "Embeddings",
    "Encoder",
    "Encoders",
    "ProductEmbeddings",
    "TextEncoder",
    "View",
    "cache_folder",
    "embed_images",
    "embed_inputs",
    "embed_texts",
    "load_encoder",
    "load_text_encoder",
    "stream_embeddings",
]
