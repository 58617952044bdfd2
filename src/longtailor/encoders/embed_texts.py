"""Embedding many texts, each once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from longtailor.encoders.cache import CacheEntry, EmbeddingCache
from longtailor.encoders.encoder import Embedding
from longtailor.encoders.text import TextEncoder
from longtailor.errors import LongtailorError
from longtailor.progress import Advance

BLOCK = 256
"""Texts that are embedded between two writes to the cache."""


def embed_texts(
    texts: Sequence[str | None],
    encoder: TextEncoder,
    *,
    cache: EmbeddingCache | None,
    advance: Advance = lambda steps: None,
) -> Embedding:
    """Embed texts, computing only those that the cache does not hold.

    Parameters
    ----------
    texts : sequence of (str or None), length N
        None and texts of blanks only are missing.
    encoder : TextEncoder
    cache : EmbeddingCache or None
        Every finished block is kept there at once: an interrupted command goes on where it was.
    advance : callable
        Called with numbers of texts that sum up to N.

    Returns
    -------
    ndarray of float32, shape (N, dim)
        NaN in the rows of missing texts.

    Raises
    ------
    LongtailorError
        If an embedding is not finite, or the cache is damaged.
    """
    values = np.full((len(texts), encoder.dim), np.nan, np.float32)
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        if text is not None and text.strip():
            rows_of.setdefault(text, []).append(row)
    digests = {text: hashlib.sha256(text.encode()).digest() for text in rows_of}
    new = []
    for text, rows in rows_of.items():
        vector = cache.find_content(encoder, digests[text]) if cache else None
        if vector is None:
            new.append(text)
        else:
            values[rows] = vector
    advance(len(texts) - sum(len(rows_of[text]) for text in new))
    # Texts of about one length together: few of them are then alone in their batch.
    new.sort(key=len, reverse=True)
    for start in range(0, len(new), BLOCK):
        block = new[start : start + BLOCK]
        vectors = encoder.encode(block)
        for text, vector in zip(block, vectors, strict=True):
            if not np.isfinite(vector).all():
                raise LongtailorError(
                    f"the encoder {encoder.name} gives an embedding with NaN or infinite numbers "
                    f"for the text {text[:60]!r}; its weights may be damaged"
                )
            values[rows_of[text]] = vector
        if cache:
            cache.put(
                encoder,
                [
                    CacheEntry(digests[text], vector)
                    for text, vector in zip(block, vectors, strict=True)
                ],
            )
        advance(sum(len(rows_of[text]) for text in block))
    return values
