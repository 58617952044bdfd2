from __future__ import annotations

import io

import numpy as np

from longtailor.reporting.together_plot import plot_together


def test_each_cell_is_a_share_of_what_is_known() -> None:
    matrix = np.array(
        [[1, 1, -1, 0], [1, 0, -1, 0], [1, 1, -1, 1], [1, -1, -1, 1], [0, 1, 1, -1]], dtype=np.int8
    )
    figure = plot_together(["a:w", "a:x", "b:y", "b:$z"], matrix)
    (image,) = figure.axes[0].images
    share = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    nan = np.nan
    expected = [
        [nan, 2 / 3, nan, 2 / 4],
        [2 / 3, nan, 1, 1 / 2],
        [0, 1, nan, nan],
        [1, 1, nan, nan],
    ]
    np.testing.assert_allclose(share, expected)
    figure.savefig(io.BytesIO())


def test_the_most_frequent_labels_are_shown_in_their_order() -> None:
    matrix = (np.arange(60)[:, None] >= np.arange(60)[::-1]).astype(np.int8)
    figure = plot_together([f"a:{i}" for i in range(60)], matrix)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == [f"a:{i}" for i in range(20, 60)]


def test_a_single_label_is_drawn() -> None:
    plot_together(["a:x"], np.ones((2, 1), dtype=np.int8)).savefig(io.BytesIO())
