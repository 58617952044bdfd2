from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longtailor.errors import LongtailorError, UsageError
from longtailor.training.deep import budget
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
@pytest.mark.parametrize(
    ("saves", "accumulate"),
    [(1, 1), (3, 1), (4, 1), (5, 1), (6, 1), (10, 1), (14, 1), (1, 2), (2, 2), (4, 2)],
)
def test_goes_on_where_it_was_killed(make_task, tiny, tmp_path, kill_after, saves, accumulate):
    objective = "effective_number:beta=0.9,defer=1"
    options = tiny(accumulate=accumulate)
    undisturbed = fine_tune(make_task(objective), options, tmp_path / "a")
    kill_after(saves)
    with pytest.raises(KilledError):
        fine_tune(make_task(objective), options, tmp_path / "b")
    kill_after(0)
    resumed = fine_tune(make_task(objective), options, tmp_path / "b", resume=True)
    assert figures(resumed) == figures(undisturbed)
    assert resumed.curves["losses"] == undisturbed.curves["losses"]
    assert resumed.curves["best_epoch"] == undisturbed.curves["best_epoch"]
    assert same_weights(resumed, undisturbed)
    assert torch.equal(resumed.classifier.weight, undisturbed.classifier.weight)


def test_texts_are_learned_as_photos_are(make_text_task, tiny, tmp_path, kill_after):
    options = tiny(epochs=8, encoder_rate=3e-3, classifier_rate=3e-2)
    outcome = fine_tune(make_text_task(), options, tmp_path / "a")
    rows = outcome.curves["epochs"]
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert rows[0]["map"] < 0.6 < 0.75 < max(row["map"] for row in rows)
    assert outcome.curves["encoder_rate"] == 3e-3
    # Only lengths are normalised, as where the encoder is frozen.
    assert not outcome.classifier.blocks[0].root
    kill_after(7)
    with pytest.raises(KilledError):
        fine_tune(make_text_task(), options, tmp_path / "b")
    kill_after(0)
    resumed = fine_tune(make_text_task(), options, tmp_path / "b", resume=True)
    assert figures(resumed) == figures(outcome)
    assert same_weights(resumed, outcome)


def test_a_loss_that_is_not_finite_names_the_products(make_task, tiny, tmp_path):
    task = make_task()
    with torch.no_grad():
        task.network.classifier.bias[0] = float("nan")
    with pytest.raises(LongtailorError, match=r"step 1: look at the products (p\d+, ){7}p\d+, or"):
        fine_tune(task, tiny(), tmp_path)


def test_stops_early_and_keeps_the_best(make_task, tiny, tmp_path):
    # With no rate to speak of no epoch is better than the first.
    options = tiny(epochs=9, patience=2, encoder_rate=1e-12, classifier_rate=1e-12)
    outcome = fine_tune(make_task(), options, tmp_path)
    assert len(outcome.curves["epochs"]) == 3
    assert outcome.curves["best_epoch"] == 1


def test_a_frozen_encoder_learns_from_its_epoch_on(make_task, tiny, tmp_path):
    task = make_task()
    before = {
        name: tensor.clone() for name, tensor in task.network.original[0].state_dict().items()
    }
    start = task.network.classifier.weight.detach().clone()
    frozen = fine_tune(task, tiny(epochs=2, freeze_until=2, averaging=0.0), tmp_path / "a")
    assert all(torch.equal(before[name], tensor) for name, tensor in frozen.encoder.items())
    assert not torch.equal(frozen.classifier.weight, start)
    later = fine_tune(make_task(), tiny(epochs=2, freeze_until=1, averaging=0.0), tmp_path / "b")
    assert any(not torch.equal(before[name], tensor) for name, tensor in later.encoder.items())


def test_a_time_budget_shortens_the_training(make_task, tiny, tmp_path, monkeypatch):
    # A clock that every look moves on by 0.1 s.
    now = [0.0]

    def clock():
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(budget, "Clock", clock)
    options = tiny(epochs=200, time_budget=60.0)
    outcome = fine_tune(make_task(), options, tmp_path, begun=0.0)
    assert 12 <= outcome.curves["steps"] < outcome.curves["steps_asked"] == 1000
    # Something was left for what comes after the training.
    assert now[0] < 50
    assert outcome.curves["epochs"][-1]["step"] == outcome.curves["steps"]


def test_accumulated_batches_make_fewer_steps(make_task, tiny, tmp_path):
    outcome = fine_tune(make_task(), tiny(epochs=2, accumulate=2), tmp_path)
    # 5 batches: steps after the second, the fourth and the last.
    assert outcome.curves["steps"] == 6


def test_as_many_processes_must_be_asked_for_as_were_launched(
    make_task, tiny, tmp_path, monkeypatch
):
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": "3", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="torchrun started 3 processes, and --devices 2"):
        fine_tune(make_task(), tiny(devices=2), tmp_path)


def test_nodes_need_a_launcher(make_task, tiny, tmp_path):
    with pytest.raises(LongtailorError, match="torchrun --nnodes 2 --nproc-per-node 1"):
        fine_tune(make_task(), tiny(nodes=2), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "objective"),
    [
        ("make_task", "effective_number:beta=0.9"),
        ("make_task", "two_way"),
        ("make_text_task", "effective_number:beta=0.9"),
    ],
)
def test_two_processes_come_to_the_figures_of_one(request, tiny, tmp_path, kind, objective):
    make = request.getfixturevalue(kind)
    # The last step of an epoch has one batch where others have two.
    options = tiny(epochs=2, accumulate=2)
    alone = fine_tune(make(objective), options, tmp_path / "one")
    shared = fine_tune(make(objective), replace(options, devices=2), tmp_path / "two")
    for one, other in zip(figures(alone), figures(shared), strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    for name, tensor in alone.encoder.items():
        assert torch.allclose(tensor, shared.encoder[name], rtol=1e-3, atol=1e-4), name
    assert shared.curves["steps"] == alone.curves["steps"]
