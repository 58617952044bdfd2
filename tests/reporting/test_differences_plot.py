from __future__ import annotations

import io

import pytest
from matplotlib.colors import to_rgba

from longtailor.reporting.differences_plot import p_text, plot_differences
from longtailor.studies.results import Difference

NAN = float("nan")


def difference(a: str, value: float, p: float) -> Difference:
    return Difference(a, "none", "map", value, value - 0.02, value + 0.02, p, p)


DIFFERENCES = [difference("b", 0.05, 0.001), difference("c", -0.01, 0.4), difference("d", NAN, NAN)]


def test_intervals_zero_and_p_values_are_drawn() -> None:
    (axis,) = plot_differences(DIFFERENCES, ("none", "b", "c", "d")).axes
    zero, *rest = axis.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert rest[0].get_xdata() == pytest.approx([0.03, 0.07])
    assert rest[1].get_xdata() == pytest.approx([0.05])
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["p 0.001", "p 0.400", "p –", "b", "c", "d"]
    low, high = axis.get_xlim()
    assert low < -0.03
    assert high > 0.07


def test_only_what_survives_the_correction_is_filled() -> None:
    (axis,) = plot_differences(DIFFERENCES, ("none", "b", "c", "d")).axes
    markers = axis.lines[2::2]
    white = to_rgba("white")
    assert [to_rgba(one.get_markerfacecolor()) == white for one in markers] == [False, True, True]


def test_nothing_but_zeros_can_be_drawn() -> None:
    flat = Difference("b", "none", "map", 0.0, 0.0, 0.0, 1.0, 1.0)
    plot_differences([flat], ("none", "b")).savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("p", "text"), [(0.0, "< 0.001"), (0.0009, "< 0.001"), (0.04, "0.040"), (NAN, "–")]
)
def test_a_p_value_is_never_zero(p: float, text: str) -> None:
    assert p_text(p) == text
