"""Embedding many photos: threads decode while the network computes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from longtailor.catalog.images import open_image, read_image_file
from longtailor.cores import available_cores
from longtailor.encoders.cache import CacheEntry, EmbeddingCache, FileState
from longtailor.encoders.encoder import Embedding, Encoder
from longtailor.encoders.preprocessing import Pixels
from longtailor.errors import ImageError, LongtailorError
from longtailor.progress import track

BATCH_SIZE = 64
Failures = list[tuple[int, str]]


@dataclass(eq=False)
class Embeddings:
    """The embeddings of a list of photos.

    Attributes
    ----------
    values : ndarray of float32, shape (N, dim)
        NaN in the rows of photos that could not be read.
    failed : list of (int, str)
        Which those are, and why.
    cached, computed : int
        How many came from the cache, and how many from the network. The second copy of a photo
        in one list may count as either.
    """

    values: Embedding
    failed: Failures = field(default_factory=list)
    cached: int = 0
    computed: int = 0

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Mask of the photos that have an embedding, shape (N,)."""
        mask = np.ones(len(self.values), bool)
        mask[[index for index, _ in self.failed]] = False
        return mask


@dataclass(frozen=True)
class _Photo:
    """What a thread found out about one photo: an embedding, pixels, or a reason."""

    vector: Embedding | None = None
    pixels: Pixels | None = None
    file: FileState | None = None
    digest: bytes = b""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Block:
    values: Embedding
    failed: Failures
    computed: int


def embed_images(
    paths: Sequence[Path],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None,
    batch_size: int = BATCH_SIZE,
    progress: bool = True,
) -> Embeddings:
    """Embed photos, reading only those that the cache does not hold.

    Parameters
    ----------
    paths : sequence of Path, length N
    encoder : Encoder
    cache : EmbeddingCache or None
        Every finished batch is kept there at once: an interrupted command goes on where it was.
    batch_size : int
        Photos that are in memory at once, three times over. Embeddings do not depend on it.
    progress : bool
        Show progress on standard error, if that is a terminal.

    Raises
    ------
    LongtailorError
        If an embedding is not finite, or the cache is damaged.
    """
    result = Embeddings(np.empty((len(paths), encoder.dim), np.float32))
    with track("Embedding images", len(paths) if progress else None) as advance:
        start = 0
        for block in _embed_blocks(paths, encoder, cache, batch_size):
            size = len(block.values)
            result.values[start : start + size] = block.values
            result.failed += [(start + index, reason) for index, reason in block.failed]
            result.computed += block.computed
            start += size
            advance(size)
    result.cached = len(paths) - result.computed - len(result.failed)
    return result


def stream_embeddings(
    paths: Sequence[Path],
    encoder: Encoder,
    *,
    cache: EmbeddingCache | None = None,
    batch_size: int = BATCH_SIZE,
    failed: Failures | None = None,
) -> Iterator[tuple[npt.NDArray[np.int64], Embedding]]:
    """Embed photos batch by batch, in order, in memory that does not grow with their number.

    Parameters
    ----------
    paths, encoder, cache, batch_size
        As for `embed_images`.
    failed : list, optional
        The index and reason of each photo that could not be read are appended to it.

    Yields
    ------
    indices : ndarray of int64, shape (B,)
        Positions in `paths`.
    values : ndarray of float32, shape (B, dim)
        NaN in the rows of photos that could not be read.
    """
    start = 0
    for block in _embed_blocks(paths, encoder, cache, batch_size):
        if failed is not None:
            failed += [(start + index, reason) for index, reason in block.failed]
        yield np.arange(start, start + len(block.values)), block.values
        start += len(block.values)


def _embed_blocks(
    paths: Sequence[Path], encoder: Encoder, cache: EmbeddingCache | None, batch_size: int
) -> Iterator[_Block]:
    decoders = ThreadPoolExecutor(available_cores(), "longtailor-decode")
    # One block after the other; its cores never wait for what is done with a finished block.
    network = ThreadPoolExecutor(1, "longtailor-encode")

    def begin(start: int) -> list[Future[_Photo]]:
        block = paths[start : start + batch_size]
        return [decoders.submit(_read, path, encoder, cache) for path in block]

    try:
        before: tuple[Sequence[Path], list[_Photo], Future[Embedding]] | None = None
        ahead = begin(0)
        for start in range(0, len(paths), batch_size):
            # The next block is decoded while this one is embedded.
            photos, ahead = [future.result() for future in ahead], begin(start + batch_size)
            pixels = [photo.pixels for photo in photos if photo.pixels is not None]
            embedded = network.submit(_encode, pixels, encoder)
            if before:
                yield _finish(*before, encoder, cache)
            before = paths[start : start + batch_size], photos, embedded
        if before:
            yield _finish(*before, encoder, cache)
    finally:
        for pool in (decoders, network):
            pool.shutdown(cancel_futures=True)


def _encode(pixels: list[Pixels], encoder: Encoder) -> Embedding:
    return encoder.encode(np.stack(pixels)) if pixels else np.empty((0, encoder.dim), np.float32)


def _read(path: Path, encoder: Encoder, cache: EmbeddingCache | None) -> _Photo:
    try:
        file = FileState.of(path)
    except OSError:
        file = None
    if cache and file and (vector := cache.find_file(encoder, file)) is not None:
        return _Photo(vector=vector)
    try:
        content = read_image_file(path)
        digest = hashlib.sha256(content).digest()
        if cache and (vector := cache.find_content(encoder, digest)) is not None:
            return _Photo(vector=vector, file=file, digest=digest)
        image = open_image(io.BytesIO(content), draft=encoder.image_size, name=str(path))
    except ImageError as error:
        return _Photo(reason=str(error))
    return _Photo(pixels=encoder.preprocess(image), file=file, digest=digest)


def _finish(
    paths: Sequence[Path],
    photos: list[_Photo],
    embedded: Future[Embedding],
    encoder: Encoder,
    cache: EmbeddingCache | None,
) -> _Block:
    values = np.full((len(photos), encoder.dim), np.nan, np.float32)
    for row, photo in enumerate(photos):
        if photo.vector is not None:
            values[row] = photo.vector
    rows = [row for row, photo in enumerate(photos) if photo.pixels is not None]
    values[rows] = embedded.result()
    for row in rows:
        if not np.isfinite(values[row]).all():
            raise LongtailorError(
                f"{paths[row]}: the encoder {encoder.name} gives an embedding with NaN or "
                "infinite numbers; its weights may be damaged"
            )
    if cache:
        cache.put(
            encoder,
            [
                CacheEntry(photo.digest, values[row], photo.file)
                for row, photo in enumerate(photos)
                if photo.file and photo.digest
            ],
        )
    failed = [(row, photo.reason) for row, photo in enumerate(photos) if photo.reason]
    return _Block(values, failed, len(rows))
