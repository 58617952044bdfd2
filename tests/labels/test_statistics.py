from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from longtailor.labels import LabelStatistics

MATRICES = arrays(
    np.int8, st.tuples(st.integers(0, 12), st.integers(1, 5)), elements=st.sampled_from([1, 0, -1])
)


@given(MATRICES)
def test_counts_agree_with_counting_by_hand(matrix: Any) -> None:
    counts = LabelStatistics.from_matrix(matrix)
    for label in range(matrix.shape[1]):
        column = matrix[:, label].tolist()
        assert counts.positive[label] == column.count(1)
        assert counts.negative[label] == column.count(0)
        assert counts.unknown[label] == column.count(-1)
    assert (counts.known + counts.unknown == len(matrix)).all()


@given(MATRICES, st.integers(0, 12))
def test_the_counts_of_two_parts_add_up(matrix: Any, cut: int) -> None:
    parts = LabelStatistics.from_matrix(matrix[:cut]) + LabelStatistics.from_matrix(matrix[cut:])
    whole = LabelStatistics.from_matrix(matrix)
    for name in ("positive", "negative", "unknown"):
        assert (getattr(parts, name) == getattr(whole, name)).all()


@given(MATRICES)
def test_counts_made_elsewhere_mean_the_same(matrix: Any) -> None:
    whole = LabelStatistics.from_matrix(matrix)
    again = LabelStatistics.from_counts(whole.positive, whole.known, len(matrix))
    for name in ("positive", "negative", "unknown"):
        assert (getattr(again, name) == getattr(whole, name)).all()


def test_without_a_number_of_products_the_best_known_label_sets_it() -> None:
    counts = LabelStatistics.from_counts([1, 2], [5, 10])
    assert counts.unknown.tolist() == [5, 0]
    assert counts.negative.tolist() == [4, 8]


@pytest.mark.parametrize(
    ("positives", "known", "products", "message"),
    [
        ([1, 2], [3], None, "shape"),
        ([1, 4], [3, 3], None, r"label 1: positives is 4, more than known \(3\)"),
        ([1, 1], [3, 9], 5, r"label 1: known is 9, more than products \(5\)"),
        ([-1], [3], None, "label 0: positives is -1"),
        ([0.5], [3], None, "positives must be whole"),
        ([1], [np.nan], None, "known must be whole"),
        ([[1]], [[1]], None, "one count a label"),
    ],
)
def test_impossible_counts_are_refused(
    positives: Any, known: Any, products: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LabelStatistics.from_counts(positives, known, products)
