from __future__ import annotations

import pytest
import torch

from longtailor.training.deep.checkpoints import KeepLast
from longtailor.training.deep.train import fine_tune


class KilledError(Exception):
    """Stands in for the end of the process."""


def same_weights(one, other):
    return all(torch.equal(tensor, other.encoder[name]) for name, tensor in one.encoder.items())


def figures(outcome):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in outcome.curves["epochs"]]


@pytest.fixture
def kill_after(monkeypatch):
    """Ends the training right after a number of checkpoints."""
    save = KeepLast._save

    def set_up(saves):
        left = [saves]

        def saving(self, trainer):
            save(self, trainer)
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        monkeypatch.setattr(KeepLast, "_save", saving)

    yield set_up
    monkeypatch.setattr(KeepLast, "_save", save)


def test_learns_what_the_photos_show(make_task, tiny, tmp_path):
    outcome = fine_tune(make_task(), tiny(epochs=8), tmp_path)
    rows = outcome.curves["epochs"]
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert max(row["map"] for row in rows) > 0.9


# 5 batches an epoch: 4 checkpoints within it and one after its validation.
@pytest.mark.parametrize("saves", [1, 3, 4, 5, 6, 10, 14])
def test_goes_on_where_it_was_killed(make_task, tiny, tmp_path, kill_after, saves):
    objective = "effective_number:beta=0.9,defer=1"
    undisturbed = fine_tune(make_task(objective), tiny(), tmp_path / "a")
    kill_after(saves)
    with pytest.raises(KilledError):
        fine_tune(make_task(objective), tiny(), tmp_path / "b")
    kill_after(0)
    resumed = fine_tune(make_task(objective), tiny(), tmp_path / "b", resume=True)
    assert figures(resumed) == figures(undisturbed)
    assert resumed.curves["losses"] == undisturbed.curves["losses"]
    assert resumed.curves["best_epoch"] == undisturbed.curves["best_epoch"]
    assert same_weights(resumed, undisturbed)
    assert torch.equal(resumed.classifier.weight, undisturbed.classifier.weight)
