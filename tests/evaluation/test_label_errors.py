from __future__ import annotations

import numpy as np
import pytest

from longtailor.evaluation.label_errors import NONE, find_disputes

A = np.array([0, 1, 2])


def told(probabilities, matrix, exclusive=()):
    found = find_disputes(probabilities, np.array(matrix, dtype=np.int8), exclusive)
    columns = (found.products, found.given, found.suggested, found.doubt)
    return [tuple(row) for row in zip(*(c.tolist() for c in columns), strict=True)]


def test_the_given_value_is_compared_with_the_most_probable_other():
    p = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.02, 0.04, 0.9]]
    matrix = [[1, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert told(p, matrix, [A]) == [
        (2, 1, 2, pytest.approx(0.9 / 0.94)),
        (1, 0, 1, pytest.approx(0.5 / 0.7)),
    ]


def test_other_cells_are_judged_one_by_one():
    p = [[0.9, 0.6], [0.1, 0.4]]
    assert told(p, [[0, 0], [1, 1]]) == [
        (0, NONE, 0, 0.9),
        (1, 0, NONE, 0.9),
        (0, NONE, 1, 0.6),
        (1, 1, NONE, 0.6),
    ]


def test_what_is_unknown_cannot_be_wrong():
    p = [[0.1, 0.8, 0.1, 0.9]] * 3
    matrix = [[-1, -1, -1, -1], [1, 0, -1, 1], [1, 0, 0, -1]]
    assert [row[:3] for row in told(p, matrix, [A])] == [(2, 0, 1)]


def test_attributes_share_one_ranking():
    p = [[0.1, 0.8, 0.1, 0.02], [0.3, 0.4, 0.3, 0.5]]
    found = told(p, [[1, 0, 0, 1], [1, 0, 0, 1]], [A])
    assert [row[:3] for row in found] == [(0, 3, NONE), (0, 0, 1), (1, 0, 1)]


def test_agreement_is_no_dispute():
    assert told([[0.9, 0.05, 0.05, 0.9]], [[1, 0, 0, 1]], [A]) == []
    assert told(np.empty((0, 4)), np.empty((0, 4)), [A]) == []


def test_planted_errors_come_first():
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 500)
    logits = random.normal(size=(500, 3)) + 5 * np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = true.copy()
    planted = random.choice(500, 20, replace=False)
    given[planted] = (true[planted] + 1) % 3
    first = find_disputes(p, np.eye(3, dtype=np.int8)[given], [A]).take(slice(20))
    assert len(set(first.products) & set(planted)) >= 18
    assert (first.doubt[:-1] >= first.doubt[1:]).all()
