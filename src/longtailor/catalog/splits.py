"""Carve train, val and test, keeping every split's share of the rare labels.

The stratification is that of Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
Multi-Label Data" (ECML PKDD 2011), by the package iterative-stratification.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from iterstrat.ml_stratifiers import IterativeStratification

from longtailor.catalog.catalog import SPLITS, TEST, TRAIN, VAL, Catalog
from longtailor.labels import POSITIVE, LabelMatrix

FRACTIONS = (0.7, 0.1, 0.2)
"""Shares of train, val and test."""

_TRAIN, _VAL, _TEST = range(3)
_NOWHERE = -1


def carve_splits(
    matrix: LabelMatrix,
    split: npt.NDArray[np.str_],
    group: npt.NDArray[np.str_],
    *,
    fractions: tuple[float, float, float] = FRACTIONS,
    seed: int = 0,
) -> npt.NDArray[np.str_]:
    """Fill in the splits that a catalogue does not give.

    What is given stays, with one exception: if there is no val, it is carved from train.

    - A product without a split joins the split that others of its group are given.
    - The rest makes up for what each split lacks of its share. A val or test that the file gives
      is left exactly as it is, so that figures on it stay comparable. So: nothing given, all
      three are carved; train and val given, the rest is test; val and test given, the rest is
      train; train and test given, the rest is shared by train and val; all given, the rest is
      train.
    - If there is still no val, train gives it its share (an eighth by default) of its products.
    - If no product is left for test, there is none; nothing is taken from train for it.

    Within these rules a label has a positive in train before any other split gets one. Of two
    positive units (products or groups) one goes to train and one to test, so that the label can
    be measured; a third may go to val, as long as train keeps two. Train always comes first; test
    and val are served where the units' other labels allow. Unknown is not positive.

    Parameters
    ----------
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    split : ndarray of str, shape (products,)
        `"train"`, `"val"`, `"test"`, or `""` where none is given.
    group : ndarray of str, shape (products,)
        Products of one group stay in one split; `""` is a group of its own. Groups that the file
        itself spreads over splits are left so.
    fractions : tuple of float
        Shares of train, val and test; only their ratios matter.
    seed : int
        The same seed gives the same splits.

    Returns
    -------
    ndarray of str, shape (products,)
        `"train"`, `"val"` or `"test"` for every product.
    """
    random = np.random.RandomState(seed)
    positive = matrix == POSITIVE
    unit = units_of(group)
    given = _join_groups(_codes(split), unit)
    shares = np.asarray(fractions, dtype=np.float64)

    blank = given == _NOWHERE
    carved = given.copy()
    if blank.any():
        carved[blank] = _stratify(
            positive, unit, given, blank, _lacking(given, shares), random, seats=(0, 1, 2)
        )
    in_train = carved == _TRAIN
    if in_train.any() and not (carved == _VAL).any():
        shares = np.array([shares[_TRAIN], shares[_VAL], 0.0])
        fixed = np.where(in_train, _NOWHERE, carved)
        carved[in_train] = _stratify(
            positive, unit, fixed, in_train, shares, random, seats=(_TRAIN, _VAL)
        )
    return np.array(SPLITS)[carved]


def with_splits(catalog: Catalog, seed: int = 0) -> Catalog:
    """Give the catalogue with every product in a split. See `carve_splits`."""
    split = carve_splits(catalog.matrix, catalog.split, catalog.group, seed=seed)
    return replace(catalog, split=split)


def _codes(split: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    codes = np.full(len(split), _NOWHERE, dtype=np.intp)
    for code, name in enumerate((TRAIN, VAL, TEST)):
        codes[split == name] = code
    return codes


def units_of(group: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """Give each product the number of its unit; a product without a group is a unit of its own."""
    names, unit = np.unique(group, return_inverse=True)
    alone = group == ""
    unit[alone] = len(names) + np.arange(alone.sum())
    return np.unique(unit, return_inverse=True)[1]


def _join_groups(given: npt.NDArray[np.intp], unit: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Let products without a split join their group's; train before val before test."""
    of_unit = np.full(unit.max(initial=-1) + 1, len(SPLITS), dtype=np.intp)
    known = given != _NOWHERE
    np.minimum.at(of_unit, unit[known], given[known])
    of_unit[of_unit == len(SPLITS)] = _NOWHERE
    return np.where(known, given, of_unit[unit])


def _lacking(
    given: npt.NDArray[np.intp], shares: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Count what each split lacks of its share of all products, in products."""
    have = np.bincount(given[given != _NOWHERE], minlength=3)
    lacking = np.maximum(shares / shares.sum() * len(given) - have, 0.0)
    lacking[[split for split in (_VAL, _TEST) if have[split]]] = 0.0
    if not lacking.any():
        lacking[_TRAIN] = 1.0
    return np.asarray(lacking)


def _stratify(
    positive: npt.NDArray[np.bool_],
    unit: npt.NDArray[np.intp],
    fixed: npt.NDArray[np.intp],
    free: npt.NDArray[np.bool_],
    wanted: npt.NDArray[np.float64],
    random: np.random.RandomState,
    seats: tuple[int, ...],
) -> npt.NDArray[np.intp]:
    """Put the units of the free products into the splits that want some."""
    seats = tuple(split for split in seats if wanted[split] > 0)
    _, first, unit_of = np.unique(unit[free], return_index=True, return_inverse=True)
    # The stratification indexes by these rows: anything but bool would silently go wrong.
    of_unit = np.zeros((len(first), positive.shape[1]), dtype=np.bool_)
    np.logical_or.at(of_unit, unit_of, positive[free])
    ratios = wanted[list(seats)] / wanted[list(seats)].sum()
    # The library breaks ties by its generator and else goes by the order of the rows.
    order = random.permutation(len(first))
    places = np.empty(len(first), dtype=np.intp)
    places[order] = np.array(seats)[IterativeStratification(of_unit[order], ratios, random)]
    counts = np.zeros((len(SPLITS), positive.shape[1]), dtype=np.int64)
    for split in range(len(SPLITS)):
        counts[split] = positive[fixed == split].sum(axis=0) + of_unit[places == split].sum(axis=0)
    _Repair(of_unit, places, counts, {_TRAIN, *seats}).run()
    return np.asarray(places[unit_of])


@dataclass
class _Repair:
    """Moves units so that train, then test, then val has a positive of each label.

    A unit that moves is swapped with one whose labels its split can spare, where there is one, so
    that the sizes stay.
    """

    positive: npt.NDArray[np.bool_]
    places: npt.NDArray[np.intp]
    counts: npt.NDArray[np.int64]
    seats: set[int]

    def run(self) -> None:
        rarest_first = np.argsort(self.positive.sum(axis=0), kind="stable")
        for target, kept in (
            (_TRAIN, {}),
            (_TEST, {_TRAIN: 1}),
            (_VAL, {_TRAIN: 2, _TEST: 1}),
        ):
            if target in self.seats:
                for label in rarest_first:
                    if self.counts[target, label] == 0:
                        self._bring(int(label), target, kept)

    def _bring(self, label: int, target: int, kept: dict[int, int]) -> None:
        """Move one positive unit of the label, if those places that must keep theirs can."""
        units = np.flatnonzero(self.positive[:, label])
        sources = self.places[units]
        spared = np.array(
            [
                self.counts[source, self.positive[unit]].min() > kept.get(source, 0)
                for unit, source in zip(units, sources, strict=True)
            ],
            dtype=np.bool_,
        )
        if not spared.any():
            return
        units = units[spared]
        unit = int(units[np.argmin(self.positive[units].sum(axis=1))])
        source = int(self.places[unit])
        self._move(unit, target)
        self._swap_back(unit, target, source)

    def _swap_back(self, moved: int, target: int, source: int) -> None:
        others = np.flatnonzero(self.places == target)
        scarce = self.counts[target] < 3
        spared = others[~(self.positive[others] & scarce).any(axis=1) & (others != moved)]
        if len(spared):
            self._move(int(spared[0]), source)

    def _move(self, unit: int, target: int) -> None:
        labels = self.positive[unit]
        self.counts[self.places[unit], labels] -= 1
        self.counts[target, labels] += 1
        self.places[unit] = target
