from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from longtailor.reporting.figures_plot import plot_average_precision, plot_precision_recall
from longtailor.reporting.page import figure_data_uri

NAN = float("nan")


def test_each_label_is_a_point_with_its_interval_in_the_order_given() -> None:
    ap, low, high = np.array([0.5, 0.2, NAN]), np.array([0.4, 0.1, NAN]), np.array([0.6, 0.4, NAN])
    figure = plot_average_precision(["a", "b", "c"], ["head", "tail", "tail"], ap, low, high)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["a", "b", "c"]
    lines = [line.get_xdata() for line in axis.lines]
    np.testing.assert_array_equal(lines[0], [0.4, 0.6])
    np.testing.assert_array_equal(lines[1], [0.5])
    np.testing.assert_array_equal(lines[2], [0.1, 0.4])
    # The first label is on top.
    bottom, top = axis.get_ylim()
    assert bottom > top


@pytest.mark.parametrize("labels", [1, 45, 46, 200])
def test_many_labels_are_laid_in_columns(labels: int) -> None:
    values = np.full(labels, 0.5)
    figure = plot_average_precision(
        [f"label {i}" for i in range(labels)], ["head"] * labels, values, values, values
    )
    shown = [text.get_text() for axis in figure.axes for text in axis.get_yticklabels()]
    assert shown == [f"label {i}" for i in range(labels)]
    assert len(figure.axes) == -(-labels // 45)


def test_curves_are_over_known_cells_and_the_ring_is_at_the_threshold() -> None:
    probabilities = np.array([[0.9], [0.8], [0.7], [0.4], [0.2], [0.99]])
    matrix = np.array([[1], [0], [1], [0], [1], [-1]], dtype=np.int8)
    figure = plot_precision_recall(["a"], ["tail"], probabilities, matrix, np.array([0.6]))
    (axis,) = figure.axes
    precision, recall, _ = precision_recall_curve([1, 0, 1, 0, 1], probabilities[:5, 0])
    curve, ring, guessing = axis.lines
    np.testing.assert_allclose(curve.get_xdata(), recall)
    np.testing.assert_allclose(curve.get_ydata(), precision)
    np.testing.assert_allclose([ring.get_xdata()[0], ring.get_ydata()[0]], [2 / 3, 2 / 3])
    assert guessing.get_ydata()[0] == pytest.approx(3 / 5)


def test_a_threshold_above_all_has_no_ring() -> None:
    figure = plot_precision_recall(
        ["a"], ["tail"], np.array([[0.9], [0.1]]), np.array([[1], [0]], np.int8), np.array([0.95])
    )
    assert len(figure.axes[0].lines) == 2


def test_dollar_signs_are_letters() -> None:
    names = ["price:$\\frac$", "price:$10$"]
    values = np.array([0.5, 0.5])
    figure_data_uri(plot_average_precision(names, ["head", "tail"], values, values, values))
    matrix = np.array([[1, 1], [0, 0]], dtype=np.int8)
    figure_data_uri(
        plot_precision_recall(names, ["head", "tail"], np.eye(2), matrix, np.array([0.5, 0.5]))
    )
