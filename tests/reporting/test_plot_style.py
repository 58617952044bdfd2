from __future__ import annotations

from matplotlib.figure import Figure

from longtailor.reporting.plot_style import key_plot, letters, named_rows, styles


def test_fifty_six_objectives_look_different_by_colour_and_marker() -> None:
    looks = styles([f"objective {i}" for i in range(56)])
    assert len({(look.color, look.marker) for look in looks.values()}) == 56
    assert len({look.marker for look in list(looks.values())[:8]}) == 8


def test_names_are_one_line_of_letters() -> None:
    assert letters("a\nb  $x$") == r"a b \$x\$"
    assert letters("abcdef", 4) == "abc…"
    assert letters("abcd", 4) == "abcd"


def test_the_key_shows_the_same_look() -> None:
    look = styles(["a", "b"])["b"]
    (axis,) = key_plot(look).axes
    line, marker = axis.lines
    assert line.get_color() == marker.get_color() == look.color
    assert marker.get_marker() == look.marker


def test_the_first_row_is_on_top_and_inside() -> None:
    axis = Figure().subplots()
    named_rows(axis, ["a", "b", "c"])
    bottom, top = axis.get_ylim()
    assert top < 0
    assert bottom > 2
    assert [text.xy[1] for text in axis.texts] == [0, 1, 2]
