from __future__ import annotations

from longtailor.training.deep.progress import epoch_line

ROW = {
    "epoch": 2,
    "step": 20,
    "seconds": 3725.4,
    "loss": 0.25,
    "map": 0.5,
    "map_head": 0.75,
    "map_medium": None,
    "map_tail": 0.125,
    "map_micro": 0.6,
    "f1_macro_at_half": 0.4,
    "f1_macro_tail_at_half": 0.1,
}


def test_a_line_has_the_figures_that_there_are():
    assert epoch_line(ROW) == (
        "epoch 2, loss 0.2500, val map 0.500, val map_head 0.750, val map_tail 0.125, "
        "val f1_macro_at_half 0.400, 1:02:05"
    )
    assert epoch_line({**ROW, "loss": None, "seconds": 65.0}).startswith("epoch 2, val map")
    assert epoch_line({**ROW, "seconds": 65.0}).endswith(", 1:05")
