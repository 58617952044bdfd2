from __future__ import annotations

from longtailor.reporting.learning_plot import plot_learning

EPOCHS = [
    {"epoch": 1, "step": 5, "map": 0.5, "map_head": 0.7, "map_medium": None, "map_tail": 0.3},
    {"epoch": 2, "step": 10, "map": 0.6, "map_head": 0.8, "map_medium": None, "map_tail": 0.4},
]
START = {"map": 0.4, "map_head": 0.6, "map_medium": None, "map_tail": 0.2}


def test_draws_loss_and_figures_from_the_frozen_encoder_on():
    loss, figures = plot_learning(EPOCHS, [(5, 0.3), (10, 0.2)], 2, START).axes
    assert loss.lines[0].get_xydata().tolist() == [[5, 0.3], [10, 0.2]]
    drawn = {line.get_label(): line.get_xydata().tolist() for line in figures.lines}
    assert drawn["all labels"] == [[0, 0.4], [1, 0.5], [2, 0.6]]
    assert drawn["tail"] == [[0, 0.2], [1, 0.3], [2, 0.4]]
    assert drawn["medium"] == []
    assert [2, 0] in [line.get_xydata()[0].tolist() for line in figures.lines[-1:]]
