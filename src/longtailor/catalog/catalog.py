"""A catalogue in memory: products and what is known of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from longtailor.labels import LabelMatrix, LabelSpace, LabelStatistics

if TYPE_CHECKING:
    import os

TRAIN, VAL, TEST = "train", "val", "test"
SPLITS = (TRAIN, VAL, TEST)
IMAGE, TEXT = "image", "text"
MODALITIES = (IMAGE, TEXT)


@dataclass(frozen=True)
class Skip:
    """Something of a catalogue that was left out, and why.

    Attributes
    ----------
    row : int
        Row of the file, the first product being row 2 where there is a line of column names.
    what : str
        The image path, id, label or cell concerned.
    reason : str
        Why, in words.
    """

    row: int
    what: str
    reason: str


@dataclass(frozen=True, eq=False)
class Catalog:
    """Products and what is known of their labels.

    Attributes
    ----------
    ids : tuple of str
        One a product, unique. Where the file has no `id` column: the image path, or the row.
    images : tuple of (Path or None)
        Absolute paths; None where a product has no image.
    texts : tuple of (str or None)
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    space : LabelSpace
        The columns of `matrix`.
    split : ndarray of str, shape (products,)
        `"train"`, `"val"`, `"test"`, or `""` where none was given.
    group : ndarray of str, shape (products,)
        Products of one group stay in one split; `""` is a group of its own.
    rows : ndarray of int, shape (products,)
        Where in the file each product stands.
    source : Path or None
        The file this was read from.
    skipped, warnings : tuple
        What was left out, and what looks wrong but was kept.
    fingerprint : str
        Hash of the file's content and of what was picked from it.
    folder : Path or None
        The folder that the image paths of the file are relative to.
    """

    ids: tuple[str, ...]
    images: tuple[Path | None, ...]
    texts: tuple[str | None, ...]
    matrix: LabelMatrix
    space: LabelSpace
    split: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]
    rows: npt.NDArray[np.int64]
    source: Path | None = None
    skipped: tuple[Skip, ...] = ()
    warnings: tuple[str, ...] = ()
    fingerprint: str = field(default="", repr=False)
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def name(self) -> str:
        """Folder and file: catalogues are often all called catalog.csv."""
        source = self.source
        return "A catalogue" if source is None else "/".join(source.absolute().parts[-2:])

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        images: str | os.PathLike[str] | None = None,
        attributes: Sequence[str] | None = None,
        strict: bool = False,
    ) -> Catalog:
        """Read a catalogue file.

        Parameters
        ----------
        path : path
            A CSV, TSV, JSONL or Parquet file.
        images : path, optional
            The folder that image paths are relative to. Default: the folder of `path`.
        attributes : sequence of str, optional
            The attributes to take. Default: all.
        strict : bool
            Raise for what would otherwise be skipped and listed.

        Raises
        ------
        CatalogError
            If the file is missing, is no catalogue, or holds no known label.
        """
        from longtailor.catalog.read import read_catalog

        return read_catalog(path, images=images, attributes=attributes, strict=strict)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What products have: images, texts or both."""
        given = {IMAGE: self.images, TEXT: self.texts}
        return tuple(
            modality for modality in MODALITIES if any(one is not None for one in given[modality])
        )

    def take(self, products: npt.ArrayLike) -> Catalog:
        """Give the catalogue of some of the products (indices or a mask)."""
        at = np.arange(len(self))[np.asarray(products)]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in at),
            images=tuple(self.images[i] for i in at),
            texts=tuple(self.texts[i] for i in at),
            matrix=self.matrix[at],
            split=self.split[at],
            group=self.group[at],
            rows=self.rows[at],
        )

    def take_labels(self, columns: npt.ArrayLike) -> Catalog:
        """Give the catalogue with some of the labels (indices or a mask)."""
        at = np.arange(len(self.space))[np.asarray(columns)]
        return replace(self, matrix=self.matrix[:, at], space=self.space.select(at))

    def in_split(self, split: str) -> npt.NDArray[np.bool_]:
        """Give the mask of the products of a split, shape (products,)."""
        return np.asarray(self.split == split)

    def statistics(self, split: str | None = None) -> LabelStatistics:
        """Count the cells of each label, over all products or those of one split."""
        matrix = self.matrix if split is None else self.matrix[self.in_split(split)]
        return LabelStatistics.from_matrix(matrix)
