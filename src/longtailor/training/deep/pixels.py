"""Photos decoded once, as uint8 pixels in one file that all processes map."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog.images import open_image
from longtailor.cores import available_cores
from longtailor.encoders import Encoder
from longtailor.encoders.embed import BATCH_SIZE
from longtailor.encoders.encoder import Embedding
from longtailor.encoders.preprocessing import Pixels, Preprocessing
from longtailor.files import replacing
from longtailor.labels import LabelMatrix
from longtailor.progress import Advance, track


@dataclass(frozen=True, eq=False)
class Photos:
    """Decoded photos of a split, and what is known of their labels.

    Attributes
    ----------
    file : Path
        Where the pixels are, as uint8 of shape (photos, H, W, 3). Processes map it and share it.
    matrix : ndarray of int8, shape (products, labels)
    rows : ndarray of int, shape (products,), optional
        Which photo of the file each product has. Default: one after another.
    """

    file: Path
    matrix: LabelMatrix
    rows: npt.NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.matrix)

    @cached_property
    def pixels(self) -> Pixels:
        """The pixels, mapped."""
        return np.asanyarray(np.load(self.file, mmap_mode="r"))

    def take(self, products: int | Sequence[int]) -> Pixels:
        """Give a copy of the pixels of a product (H, W, 3), or of several (B, H, W, 3)."""
        return np.array(self.pixels[products if self.rows is None else self.rows[products]])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pixels out: another process maps them itself."""
        return {"file": self.file, "matrix": self.matrix, "rows": self.rows}


@dataclass(frozen=True, eq=False)
class DecodedPhotos:
    """Photos that are decoded once for all that learn from them or look at them.

    Attributes
    ----------
    folder : Path
        Where the pixels are kept, one file an image size.
    name : str
        What the files are called by.
    paths : sequence of Path
    """

    folder: Path
    name: str
    paths: Sequence[Path]

    @cached_property
    def _row_of(self) -> dict[Path, int]:
        return {path: row for row, path in enumerate(self.paths)}

    def photos(
        self, paths: Sequence[Path], matrix: LabelMatrix, preprocessing: Preprocessing, what: str
    ) -> Photos:
        """Give some of the photos, as `preprocessing` resizes them, and their labels.

        Raises
        ------
        ImageError
            If a photo cannot be decoded.
        """
        file = self.folder / f"{self.name}-{preprocessing.image_size}.npy"
        decode_once(self.paths, preprocessing, file, what)
        rows = np.array([self._row_of[path] for path in paths], np.intp)
        return Photos(file, matrix, rows)


@dataclass(frozen=True, eq=False)
class SharedPhotos:
    """What several trainings on products of one catalogue decode together.

    Attributes
    ----------
    learned : DecodedPhotos
        Those that some training learns from.
    measured : DecodedPhotos
        All that are looked at.
    """

    learned: DecodedPhotos
    measured: DecodedPhotos

    def embed(
        self, paths: Sequence[Path], encoder: Encoder, advance: Advance = lambda steps: None
    ) -> Embedding:
        """Embed some of those that are looked at, shape (photos, dim)."""
        unlabelled = np.empty((len(paths), 0), np.int8)
        photos = self.measured.photos(paths, unlabelled, encoder.preprocessing, "images")
        embeddings = np.empty((len(paths), encoder.dim), np.float32)
        for start in range(0, len(paths), BATCH_SIZE):
            batch = range(start, min(start + BATCH_SIZE, len(paths)))
            embeddings[batch] = encoder.encode(photos.take(batch))
            advance(len(batch))
        return embeddings


def decode_once(paths: Sequence[Path], preprocessing: Preprocessing, file: Path, what: str) -> None:
    """Decode photos into a file, unless it is there already.

    Parameters
    ----------
    paths : sequence of Path, length N
    preprocessing : Preprocessing
        What resizes them.
    file : Path
        A `.npy` file of shape (N, image_size, image_size, 3); it is whole or not there.
    what : str
        What the photos are, for the progress bar.

    Raises
    ------
    ImageError
        If a photo cannot be decoded.
    """
    if file.is_file():
        return
    size = preprocessing.image_size

    def decode(path: Path) -> Pixels:
        return preprocessing(open_image(path, draft=size))

    with (
        replacing(file) as temporary,
        ThreadPoolExecutor(available_cores(), "longtailor-decode") as pool,
        track(f"Decoding {what}", len(paths)) as advance,
    ):
        pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(paths), size, size, 3))
        for row, photo in enumerate(pool.map(decode, paths)):
            pixels[row] = photo
            advance(1)
        pixels.flush()
