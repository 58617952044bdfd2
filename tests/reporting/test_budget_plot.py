from __future__ import annotations

import itertools

import numpy as np
import pytest

from longtailor.reporting.budget_plot import plot_budgets
from longtailor.studies.results import Estimate

NAN = float("nan")


def curve(*means: float) -> list[Estimate]:
    return [Estimate(mean, mean - 0.1, mean + 0.1, (mean,)) for mean in means]


def test_lines_intervals_and_named_amounts() -> None:
    amounts = (50, 100, 1000)
    figure = plot_budgets(
        amounts, {"a": curve(0.1, 0.2, 0.3), "b": curve(0.2, NAN, 0.4)}, "products"
    )
    (axis,) = figure.axes
    assert axis.get_xscale() == "log"
    assert [text.get_text() for text in axis.get_xticklabels()] == ["50", "100", "1,000"]
    np.testing.assert_array_equal(axis.lines[1].get_ydata(), [0.2, NAN, 0.4])
    # Set apart, but by less than would mislead.
    apart = axis.lines[1].get_xdata() / axis.lines[0].get_xdata()
    assert ((apart > 1) & (apart < 1.1)).all()
    (first, *_), _ = (bars.get_segments() for bars in axis.collections)
    assert first[:, 1] == pytest.approx([0.0, 0.2])


@pytest.mark.parametrize("amounts", [(7,), (3, 4, 5, 6, 7, 8), (100, 101, 4000, 41_000)])
def test_amounts_do_not_overlap(amounts: tuple[int, ...]) -> None:
    figure = plot_budgets(amounts, {"a": curve(*[0.5] * len(amounts))}, "positives")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].get_xticklabels()]
    for left, right in itertools.pairwise(boxes):
        assert left.x1 < right.x0
    assert figure.axes[0].get_xticklabels()[-1].get_text() == f"{amounts[-1]:,}"
