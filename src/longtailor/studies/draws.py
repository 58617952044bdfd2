"""Which annotated products a fit of a study is given.

The annotated products of a catalogue (train and val together, the *pool*) are parted anew for
each seed into train and val, and each part is put into an order. A share of the pool is the
beginning of both, so that the shares of one seed are nested.

The order is stratified: each part is dealt into blocks that have all labels in proportion (the
iterative stratification of Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), and the blocks follow
each other at random. So each product is as likely as any other to be in a share, rare labels too:
blocks as large as the shares themselves would give a label's few positives to the largest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from iterstrat.ml_stratifiers import IterativeStratification

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.catalog.splits import carve_splits, units_of
from longtailor.labels import POSITIVE, LabelMatrix

Rows = npt.NDArray[np.intp]

VAL_SHARE = 1 / 6
"""The part of the annotated products that chooses penalties and thresholds."""
BLOCKS = 20
"""Shares that are multiples of a twentieth are whole blocks."""


@dataclass(frozen=True, eq=False)
class Draw:
    """The products that a fit is given: rows of the catalogue, rising."""

    train: Rows
    val: Rows

    def __len__(self) -> int:
        return len(self.train) + len(self.val)


@dataclass(frozen=True, eq=False)
class Annotation:
    """In which order the products of a pool are annotated.

    Attributes
    ----------
    train, val : ndarray of int
        Rows of the catalogue.
    train_unit, val_unit : ndarray of int
        The number of each product's unit (a group, or the product itself), rising in steps of 1.
    """

    train: Rows
    val: Rows
    train_unit: Rows
    val_unit: Rows

    def draw(self, share: float = 1.0) -> Draw:
        """Give the first products: a share in (0, 1] of train and of val, groups whole."""
        return Draw(
            np.sort(_beginning(self.train, self.train_unit, share)),
            np.sort(_beginning(self.val, self.val_unit, share)),
        )

    def with_positives(self, matrix: LabelMatrix, label: int, positives: int) -> Draw:
        """Give all products, of those positive for a label only so many in train.

        The other positives leave train altogether: kept as negatives they would be wrong, and kept
        as unknown they would still teach what goes with the label. Val keeps the same share of
        its positives.

        Parameters
        ----------
        matrix : ndarray of int8, shape (products, labels)
        label : int
            Column of the matrix.
        positives : int
            At most the positives in train.
        """
        train_positive, val_positive = (matrix[part, label] == POSITIVE for part in self.parts)
        kept = round(positives / max(train_positive.sum(), 1) * val_positive.sum())
        return Draw(
            np.sort(self.train[~train_positive | (np.cumsum(train_positive) <= positives)]),
            np.sort(self.val[~val_positive | (np.cumsum(val_positive) <= kept)]),
        )

    @property
    def parts(self) -> tuple[Rows, Rows]:
        """Train and val."""
        return self.train, self.val


def annotate(catalog: Catalog, seed: int) -> Annotation:
    """Part the pool of a catalogue into train and val, and put both in order.

    Parameters
    ----------
    catalog : Catalog
        With every product in a split.
    seed : int
        The same seed gives the same order.
    """
    pool = np.flatnonzero(catalog.in_split(TRAIN) | catalog.in_split(VAL))
    matrix, group = catalog.matrix[pool], catalog.group[pool]
    split = carve_splits(
        matrix,
        np.full(len(pool), ""),
        group,
        fractions=(1 - VAL_SHARE, VAL_SHARE, 0.0),
        seed=seed,
    )
    # A stream of its own: that of the split began with the same seed.
    random = np.random.RandomState([seed, 1])
    unit = units_of(group)
    positive = matrix == POSITIVE
    found = []
    for name in (TRAIN, VAL):
        at = np.flatnonzero(split == name)
        order, units = _in_order(positive[at], unit[at], random)
        found.append((pool[at[order]], units))
    (train, train_unit), (val, val_unit) = found
    return Annotation(train, val, train_unit, val_unit)


def trained_share(catalog: Catalog, draws: list[Draw]) -> float:
    """Give the share of the pool that draws have in train, on average."""
    pool = len(catalog) - int(catalog.in_split(TEST).sum())
    return float(np.mean([len(draw.train) for draw in draws])) / pool


def _in_order(
    positive: npt.NDArray[np.bool_], unit: Rows, random: np.random.RandomState
) -> tuple[Rows, Rows]:
    """Deal units into blocks and lay the blocks end to end.

    Returns
    -------
    order : ndarray of int
        Positions of the products.
    unit : ndarray of int
        Which unit of the order each product of it belongs to.
    """
    _, unit = np.unique(unit, return_inverse=True)
    units = int(unit.max(initial=-1)) + 1
    if not units:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    # The stratification indexes by these rows: anything but bool would silently go wrong.
    of_unit = np.zeros((units, positive.shape[1]), dtype=np.bool_)
    np.logical_or.at(of_unit, unit, positive)
    # It goes by the order of the rows where its generator decides nothing.
    shuffled = random.permutation(units)
    blocks = np.empty(units, np.intp)
    ratios = np.full(BLOCKS, 1 / BLOCKS)
    blocks[shuffled] = IterativeStratification(of_unit[shuffled], ratios, random)
    # Within a block the order is random too, for shares that end inside one.
    place = np.empty(units, np.intp)
    sequence = np.lexsort([random.permutation(units), random.permutation(BLOCKS)[blocks]])
    place[sequence] = np.arange(units)
    order = np.argsort(place[unit], kind="stable")
    return order, place[unit][order]


def _beginning(rows: Rows, unit: Rows, share: float) -> Rows:
    """Give the first rows, whole units only, as near to the share as these allow."""
    if not len(rows):
        return rows
    ends = np.flatnonzero(np.append(unit[1:] != unit[:-1], True)) + 1
    return rows[: ends[np.argmin(np.abs(ends - share * len(rows)))]]
