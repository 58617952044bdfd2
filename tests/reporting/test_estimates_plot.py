from __future__ import annotations

import numpy as np
import pytest

from longtailor.reporting.estimates_plot import common_limits, plot_estimates
from longtailor.studies.results import Estimate

NAN = float("nan")
ESTIMATES = {
    "none": Estimate(0.5, 0.4, 0.6, (0.45, 0.55)),
    "a$b": Estimate(0.7, 0.65, 0.75, (0.7, NAN)),
    "failed": Estimate(NAN, NAN, NAN, (NAN, NAN)),
}


def test_each_objective_is_a_named_row_from_the_top() -> None:
    (axis,) = plot_estimates(ESTIMATES).axes
    assert [text.get_text() for text in axis.texts] == ["none", r"a\$b", "failed"]
    bottom, top = axis.get_ylim()
    assert bottom > top
    bars, seeds, means = axis.lines[0::3], axis.lines[1::3], axis.lines[2::3]
    np.testing.assert_array_equal(bars[0].get_xdata(), [0.4, 0.6])
    np.testing.assert_array_equal(seeds[0].get_xdata(), [0.45, 0.55])
    np.testing.assert_array_equal([line.get_xdata()[0] for line in means], [0.5, 0.7, NAN])
    assert [line.get_ydata()[0] for line in means] == [0, 1, 2]


def test_objectives_differ_by_more_than_colour() -> None:
    (axis,) = plot_estimates(ESTIMATES).axes
    assert len({line.get_marker() for line in axis.lines[2::3]}) == 3


def test_common_limits_hold_all_panels() -> None:
    low, high = common_limits(ESTIMATES, {"none": Estimate(0.1, 0.05, 0.2, (0.1,))}) or (1, 0)
    assert low < 0.05
    assert high > 0.75
    assert common_limits({"failed": ESTIMATES["failed"]}) is None
    (axis,) = plot_estimates(ESTIMATES, (low, high)).axes
    assert axis.get_xlim() == pytest.approx((low, high))
