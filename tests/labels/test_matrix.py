from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from longtailor.labels import as_label_matrix


@pytest.mark.parametrize(
    "cells",
    [
        [[1, 0], [-1, 1]],
        np.array([[1.0, 0.0], [np.nan, 1.0]]),
        np.array([[1.0, 0.0], [-1.0, 1.0]], dtype=np.float16),
        np.array([[1, 0], [-1, 1]], dtype=np.int64)[::1],
    ],
)
def test_cells_of_any_kind_become_int8(cells: Any) -> None:
    matrix = as_label_matrix(cells)
    assert matrix.dtype == np.int8
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == [[1, 0], [-1, 1]]


def test_truth_values_and_sparse_matrices_are_taken() -> None:
    assert as_label_matrix(np.array([[True, False]])).tolist() == [[1, 0]]
    assert as_label_matrix(csr_array([[0, 1], [0, 0]])).tolist() == [[0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, 0], "two dimensions"),
        ([["a"]], "holds numbers"),
        ([[0, 1], [0, 2]], r"cell \(1, 1\)"),
        ([[0.5]], r"cell \(0, 0\)"),
        ([[np.inf]], r"cell \(0, 0\)"),
        (np.array([[0, 3]], dtype=np.int8), r"cell \(0, 1\)"),
        (np.array([[0, 255]], dtype=np.uint8), r"cell \(0, 1\)"),
    ],
)
def test_anything_else_is_refused_by_place(cells: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_label_matrix(cells)


def test_a_matrix_of_int8_is_not_copied() -> None:
    matrix = np.zeros((3, 2), dtype=np.int8)
    assert as_label_matrix(matrix) is matrix
