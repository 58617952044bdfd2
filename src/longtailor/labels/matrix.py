"""The label matrix: one cell for each product and label, positive, negative or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

POSITIVE = 1
NEGATIVE = 0
UNKNOWN = -1

LabelMatrix = npt.NDArray[np.int8]
"""Shape (products, labels), values 1 (positive), 0 (negative), -1 (unknown)."""


def as_label_matrix(cells: npt.ArrayLike) -> LabelMatrix:
    """Convert an array of cells to a label matrix.

    Parameters
    ----------
    cells : array_like, shape (products, labels)
        Values 1 or True (positive), 0 or False (negative), -1 or NaN (unknown). A SciPy sparse
        matrix is taken too: what it does not store is negative.

    Returns
    -------
    ndarray of int8, shape (products, labels)

    Raises
    ------
    ValueError
        If `cells` is not two-dimensional or holds any other value; the first such cell is named.
    """
    dense: Any = cells.toarray() if hasattr(cells, "toarray") else cells
    array = np.asarray(dense)
    if array.ndim != 2:
        raise ValueError(f"a label matrix has two dimensions (products, labels), not {array.ndim}")
    if array.dtype == np.int8:
        matrix = array
    elif np.issubdtype(array.dtype, np.floating):
        matrix = np.where(np.isnan(array), UNKNOWN, array)
    elif array.dtype == np.bool_ or np.issubdtype(array.dtype, np.integer):
        matrix = array
    else:
        raise ValueError(f"a label matrix holds numbers, not {array.dtype}")
    wrong = ~np.isin(matrix, (POSITIVE, NEGATIVE, UNKNOWN))
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise ValueError(
            f"cell ({row}, {column}) of the label matrix is {array[row, column]!r}; "
            "cells are 1 (positive), 0 (negative) or -1 or NaN (unknown)"
        )
    return np.ascontiguousarray(matrix, dtype=np.int8)
