from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from longtailor.reporting.recall_plot import plot_recall, precision_by_recall


def test_the_mean_is_the_mean_of_the_average_precisions() -> None:
    random = np.random.default_rng(0)
    cells = random.choice([1, 0, -1], p=[0.1, 0.7, 0.2], size=300).astype(np.int8)
    # Rounded, so that there are ties between positives and negatives.
    seeds = [np.round(random.random(300) + 0.3 * (cells == 1), 1) for _ in range(3)]
    known = cells != -1
    expected = [average_precision_score(cells[known] == 1, one[known]) for one in seeds]
    curve = precision_by_recall(seeds, cells)
    assert len(curve) == (cells == 1).sum()
    assert curve.mean() == pytest.approx(np.mean(expected))


def test_precision_where_each_positive_is_found() -> None:
    cells = np.array([1, 0, 1, 0, 1], np.int8)
    curve = precision_by_recall([np.array([0.9, 0.8, 0.7, 0.2, 0.1])], cells)
    np.testing.assert_allclose(curve, [1, 2 / 3, 3 / 5])


def test_each_objective_is_a_line_above_guessing() -> None:
    curves = {"none": np.array([1, 0.5]), "b": np.array([0.8, 0.4])}
    (axis,) = plot_recall(curves, 0.1, ("none", "b")).axes
    guessing, first, second = axis.lines
    assert guessing.get_ydata()[0] == 0.1
    np.testing.assert_array_equal(first.get_xdata(), [0.5, 1])
    np.testing.assert_array_equal(second.get_ydata(), [0.8, 0.4])
