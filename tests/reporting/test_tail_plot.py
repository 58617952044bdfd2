from __future__ import annotations

import io
import itertools
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure

from longtailor.labels import Bands
from longtailor.reporting.page import any_script
from longtailor.reporting.tail_plot import BAND_COLORS, plot_tail


def drawn(count: int) -> tuple[Figure, np.ndarray]:
    positives = np.random.default_rng(0).permutation(np.geomspace(1, 5000, count).astype(int))
    names = [f"attribute:value {i}" for i in range(count)]
    return plot_tail(names, positives, Bands().assign(positives)), positives


@pytest.mark.parametrize("count", [1, 6, 45, 46, 300])
def test_every_label_has_a_named_bar_most_first(count: int) -> None:
    figure, positives = drawn(count)
    names, ends = [], []
    for axis in figure.axes:
        names += [tick.get_text() for tick in axis.get_yticklabels()]
        ends += [bar.get_x() + bar.get_width() for bar in axis.patches]
    order = np.argsort(-positives, kind="stable")
    assert names == [f"attribute:value {i}" for i in order]
    assert ends == pytest.approx(positives[order].tolist())


@pytest.mark.parametrize("count", [6, 170])
def test_names_do_not_overlap(count: int) -> None:
    figure, _ = drawn(count)
    figure.savefig(io.BytesIO(), dpi=100)
    for axis in figure.axes:
        boxes = [tick.get_window_extent() for tick in axis.get_yticklabels()]
        for above, below in itertools.pairwise(boxes):
            assert above.y0 >= below.y1 - 1
        assert all(box.x0 >= 0 for box in boxes)


def test_bars_have_the_colour_of_their_band() -> None:
    figure = plot_tail(["a:x", "a:y", "a:z"], [3, 200, 50], ["tail", "head", "medium"])
    colours = [bar.get_facecolor() for bar in figure.axes[0].patches]
    expected = [BAND_COLORS[band] for band in ("head", "medium", "tail")]
    from matplotlib.colors import to_rgba

    assert colours == [to_rgba(colour) for colour in expected]


def test_odd_names_and_labels_without_positives_are_drawn() -> None:
    names = ["a:$x^2$", "b:" + "long " * 20, "c:<b>&", "日本:é", "e:_^"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_tail(names, [0, 0, 0, 0, 0], ["tail"] * 5)
        with any_script():
            figure.savefig(io.BytesIO(), format="svg")
            figure.savefig(io.BytesIO(), format="png")
