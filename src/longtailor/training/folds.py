"""Products dealt into folds that have all labels in proportion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from iterstrat.ml_stratifiers import IterativeStratification

from longtailor.catalog.splits import units_of
from longtailor.labels import POSITIVE, LabelMatrix


def deal_folds(
    matrix: LabelMatrix, group: npt.NDArray[np.str_], folds: int, seed: int = 0
) -> list[npt.NDArray[np.intp]]:
    """Deal products into folds by iterative stratification.

    Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data" (ECML PKDD 2011).

    Parameters
    ----------
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.
    group : ndarray of str, shape (products,)
        Products of one group stay in one fold; `""` is a group of its own.
    folds : int
        Fewer come back where there are fewer groups.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    list of ndarray of int
        Rows of each fold, rising; every product in one of them, none empty.
    """
    unit = units_of(group)
    units = int(unit.max(initial=-1)) + 1
    if units < 2:
        return [np.arange(len(matrix))] if units else []
    # The stratification indexes by these rows: anything but bool would silently go wrong.
    positive = np.zeros((units, matrix.shape[1]), dtype=np.bool_)
    np.logical_or.at(positive, unit, matrix == POSITIVE)
    count = min(folds, units)
    random = np.random.RandomState(seed)
    order = random.permutation(units)
    fold = np.empty(units, np.intp)
    fold[order] = IterativeStratification(positive[order], np.full(count, 1 / count), random)
    dealt = [np.flatnonzero(fold[unit] == number) for number in range(count)]
    return [rows for rows in dealt if len(rows)]
