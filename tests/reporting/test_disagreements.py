from __future__ import annotations

import numpy as np

from longtailor.reporting.disagreements import disagree
from longtailor.studies.results import StudyFit


def fit(probabilities: list[float], threshold: float) -> StudyFit:
    values = np.array([[0.0, one] for one in probabilities], np.float32)
    return StudyFit("x", 0, values, values, np.array([0.5, threshold]), np.array([1, 1]), 0.1, 0.0)


#                       both  a only  b only  alarm of a  unknown  a in all
CELLS = np.array([1, 1, 1, 0, -1, 1], np.int8)
A = [
    fit([0.9, 0.6, 0.1, 0.9, 0.9, 0.9], 0.6),
    fit([0.9, 0.9, 0.1, 0.9, 0.9, 0.9], 0.6),
    fit([0.9, 0.1, 0.1, 0.1, 0.9, 0.9], 0.6),
]
B = [
    fit([0.3, 0.1, 0.3, 0.1, 0.1, 0.1], 0.2),
    fit([0.3, 0.1, 0.3, 0.1, 0.1, 0.1], 0.2),
    fit([0.3, 0.3, 0.1, 0.3, 0.1, 0.1], 0.2),
]


def test_positives_that_most_seeds_of_one_find_and_of_the_other_miss() -> None:
    seen = disagree(A, B, CELLS, 1)
    # The fifth is found by all seeds of a, the second by two of three; each at its own thresholds.
    assert seen.only_a.tolist() == [5, 1]
    assert seen.only_b.tolist() == [2]
    assert (seen.a_found, seen.b_found) == (3, 2)
    assert (seen.a_false_alarms, seen.b_false_alarms) == (1, 0)


def test_half_of_the_seeds_is_not_most() -> None:
    halves = [fit([0.9], 0.5), fit([0.1], 0.5)]
    seen = disagree(halves, [fit([0.1], 0.5)], np.array([1], np.int8), 1)
    assert not len(seen.only_a)
    assert seen.a_found == 0
