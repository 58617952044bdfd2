from __future__ import annotations

import numpy as np
import pytest

from longtailor.reporting.plot_style import styles
from longtailor.reporting.reliability_plot import plot_reliability, reliability


def test_groups_are_of_equal_expectation() -> None:
    random = np.random.default_rng(0)
    probabilities = random.beta(0.3, 6, 20_000)
    positive = random.random(20_000) < probabilities
    points = reliability(probabilities, positive, 8)
    assert len(points) == 8
    # Drawn from the probabilities themselves, so that they are reliable.
    np.testing.assert_allclose(points[:, 0], points[:, 1], rtol=0.2)
    order = np.argsort(probabilities)
    cut = np.searchsorted(np.cumsum(probabilities[order]), probabilities.sum() / 8)
    assert points[0, 0] == pytest.approx(probabilities[order][: cut + 1].mean(), rel=0.01)


def test_too_high_probabilities_lie_below_the_line() -> None:
    random = np.random.default_rng(1)
    probabilities = random.random(5000)
    points = reliability(probabilities, random.random(5000) < probabilities / 2, 5)
    assert (points[1:, 1] < 0.7 * points[1:, 0]).all()


def test_few_and_equal_cells() -> None:
    np.testing.assert_allclose(reliability(np.array([0.5]), np.array([True]), 4), [[0.5, 1.0]])
    np.testing.assert_allclose(
        reliability(np.zeros(3), np.array([True, False, False]), 4), [[0, 1 / 3]]
    )


def test_each_objective_is_a_line_beside_the_diagonal() -> None:
    curves = {"none": np.array([[0.1, 0.2], [0.5, 0.6]]), "b": np.array([[0.3, 0.1]])}
    (axis,) = plot_reliability(curves, ("none", "failed", "b")).axes
    diagonal, *lines = axis.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_array_equal(lines[0].get_xydata(), curves["none"])
    look = styles(("none", "failed", "b"))["b"]
    assert (lines[1].get_color(), lines[1].get_marker()) == (look.color, look.marker)
    assert lines[0].get_marker() != lines[1].get_marker()
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
