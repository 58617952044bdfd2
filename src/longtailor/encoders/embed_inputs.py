"""Embedding products that have an image, a text, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from longtailor.encoders.cache import EmbeddingCache
from longtailor.encoders.embed import Failures, stream_embeddings
from longtailor.encoders.embed_texts import embed_texts
from longtailor.encoders.encoder import Embedding, Encoder
from longtailor.encoders.text import AnyEncoder, TextEncoder
from longtailor.progress import Advance

Encoders = Mapping[str, AnyEncoder]
"""By modality, in the order of `MODALITIES`."""


@dataclass(eq=False)
class ProductEmbeddings:
    """The embeddings of products, one block an encoder side by side.

    Attributes
    ----------
    values : ndarray of float32, shape (products, dim)
        NaN in the blocks that a product does not have.
    has : dict of str to ndarray of bool
        By modality: which products have such a block, shape (products,).
    broken : list of (int, str)
        Images that cannot be read though a text stands in for them, and why.
    unusable : list of (int, str)
        Products without any block, and why.
    """

    values: Embedding
    has: dict[str, npt.NDArray[np.bool_]]
    broken: Failures
    unusable: Failures

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Mask of the products that have a block, shape (products,)."""
        return np.asarray(np.any(list(self.has.values()), axis=0))

    @property
    def failures(self) -> Failures:
        """What is broken and what is unusable, in the order of the products."""
        return sorted([*self.broken, *self.unusable])


def embed_inputs(
    images: Sequence[Path | None],
    texts: Sequence[str | None],
    encoders: Encoders,
    *,
    cache: EmbeddingCache | None,
    advance: Advance = lambda steps: None,
) -> ProductEmbeddings:
    """Embed the images and texts of products.

    Parameters
    ----------
    images : sequence of (Path or None), length N
    texts : sequence of (str or None), length N
        Texts of blanks only are missing.
    encoders : mapping of str to Encoder or TextEncoder
        The modalities to use, `"image"` before `"text"`.
    cache : EmbeddingCache or None
    advance : callable
        Called with numbers that sum up to N for each encoder.

    Raises
    ------
    LongtailorError
        If an embedding is not finite, or the cache is damaged.
    """
    failed: Failures = []
    blocks: dict[str, Embedding] = {}
    for modality, encoder in encoders.items():
        if isinstance(encoder, TextEncoder):
            blocks[modality] = embed_texts(texts, encoder, cache=cache, advance=advance)
        else:
            blocks[modality] = _embed_images(images, encoder, cache, failed, advance)
    has = {modality: ~np.isnan(values[:, 0]) for modality, values in blocks.items()}
    usable = np.any(list(has.values()), axis=0)
    reasons = dict(failed)
    broken = [(at, f"{reason}; its text is used") for at, reason in failed if usable[at]]
    unusable = [
        (at, reasons.get(at) or _lacking(images[at], texts[at]))
        for at in np.flatnonzero(~usable).tolist()
    ]
    return ProductEmbeddings(np.concatenate(list(blocks.values()), axis=1), has, broken, unusable)


def _embed_images(
    images: Sequence[Path | None],
    encoder: Encoder,
    cache: EmbeddingCache | None,
    failed: Failures,
    advance: Advance,
) -> Embedding:
    values = np.full((len(images), encoder.dim), np.nan, np.float32)
    at = [row for row, image in enumerate(images) if image is not None]
    advance(len(images) - len(at))
    broken: Failures = []
    paths = [image for image in images if image is not None]
    for rows, embeddings in stream_embeddings(paths, encoder, cache=cache, failed=broken):
        values[[at[row] for row in rows]] = embeddings
        advance(len(rows))
    failed += [(at[row], reason) for row, reason in broken]
    return values


def _lacking(image: Path | None, text: str | None) -> str:
    """Say why a product without any block has none."""
    if image is None and text is None:
        return "has neither an image nor a text"
    return f"has {'a text but no image' if image is None else 'an image but no text'}"
