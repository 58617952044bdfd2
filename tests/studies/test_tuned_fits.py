from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.fitting import Embedded, FitOptions, fit_embedded
from longtailor.studies import tuned_fits as module
from longtailor.studies.draws import annotate
from longtailor.studies.fits import DrawnData, FitTask, run_fits
from longtailor.studies.results import StudyFit
from longtailor.studies.setup import embed_study
from longtailor.training.deep.options import FineTuning

pytest.importorskip("lightning")

TINY = FineTuning(
    epochs=1, image_size=32, batch_size=16, logger="none", checkpoint_seconds=0.0, averaging=0.9
)
Tasks = list[tuple[FitTask, DrawnData]]


@pytest.fixture
def data(shop: Path, tunable_encoder: str) -> Embedded:
    return embed_study(Catalog.read(shop), FitOptions(encoder=tunable_encoder, finetune=TINY))


def tasks_on(data: Embedded, *objectives: str, seeds: int = 1) -> Tasks:
    tasks: Tasks = []
    for seed in range(seeds):
        drawn = DrawnData(data, annotate(data.catalog, seed).draw())
        tasks += [(FitTask(name, seed), drawn) for name in objectives]
    return tasks


def bits(fit: StudyFit) -> tuple[object, ...]:
    arrays = (fit.probabilities, fit.corrected, fit.thresholds, fit.train_positive)
    assert fit.training is not None
    return (fit.penalty, fit.training["steps"], *(array.tobytes() for array in arrays))


def test_a_fit_is_that_of_the_main_job_on_the_drawn_products(
    data: Embedded, tmp_path: Path
) -> None:
    objective = "effective_number:beta=0.9"
    ((task, drawn),) = tasks_on(data, objective)
    fits, failures = run_fits(data, [(task, drawn)], tmp_path / "fits", finetune=TINY)
    assert not failures
    split = np.full(len(data.catalog), "", dtype="<U5")
    split[data.catalog.in_split(TEST)] = TEST
    split[drawn.draw.train], split[drawn.draw.val] = TRAIN, VAL
    own = replace(data, catalog=replace(data.catalog, split=split))
    options = FitOptions(objective=objective, finetune=TINY)
    fitted = fit_embedded(own, options, folder=tmp_path / "own")
    np.testing.assert_allclose(fits[task].probabilities, fitted.probabilities[TEST], atol=1e-6)
    np.testing.assert_allclose(fits[task].thresholds, fitted.detector.thresholds, atol=1e-6)
    training = fits[task].training
    assert training is not None
    assert fitted.tuned is not None
    assert training["epochs"][0]["map"] == fitted.tuned.curves["epochs"][0]["map"]
    # Weights, pixels and checkpoints are gone; the fit is kept.
    assert [path.suffix for path in (tmp_path / "fits").iterdir()] == [".safetensors"]


def test_a_study_interrupted_in_a_training_goes_on_inside_it(
    data: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = replace(TINY, epochs=2)
    tasks = tasks_on(data, "none", "auto", seeds=2)
    undisturbed, _ = run_fits(data, tasks, tmp_path / "undisturbed", finetune=tuning)

    from longtailor.training.deep.checkpoints import KeepLast

    plain, saved = KeepLast._save, []

    def stopping(self: KeepLast, trainer: Any) -> None:
        plain(self, trainer)
        saved.append(trainer.global_step)
        # In the second epoch of the second training.
        if saved.count(1) == 2 and trainer.current_epoch == 1:
            raise KeyboardInterrupt

    folder = tmp_path / "fits"
    with monkeypatch.context() as patched:
        patched.setattr(KeepLast, "_save", stopping)
        with pytest.raises(KeyboardInterrupt):
            run_fits(data, tasks, folder, finetune=tuning)
    assert len(list(folder.glob("*.safetensors"))) == 2
    (training,) = folder.glob("training-*")
    assert (training / "last.safetensors").is_file()

    decoded = []
    monkeypatch.setattr(
        "longtailor.training.deep.pixels.open_image", lambda *args, **more: decoded.append(args)
    )
    begun = []
    monkeypatch.setattr(KeepLast, "_save", lambda self, trainer: begun.append(trainer.global_step))
    fits, failures = run_fits(data, tasks, folder, finetune=tuning)
    assert not failures
    assert not decoded
    assert begun[0] == saved[-1] + 1
    assert {task: bits(fit) for task, fit in fits.items()} == {
        task: bits(fit) for task, fit in undisturbed.items()
    }
    assert not list(folder.glob("training-*")) + list(folder.glob("photos-*"))


def test_the_recipe_shares_the_training_of_its_objective(
    data: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from longtailor.training.deep import tune

    seeds = []

    def counted(*args: Any, **more: Any) -> Any:
        if not (args[2] / "result.json").exists():
            seeds.append(more["seed"])
        return plain(*args, **more)

    plain = tune.fine_tune
    monkeypatch.setattr(tune, "fine_tune", counted)
    fits, failures = run_fits(data, tasks_on(data, "none", "auto", seeds=2), finetune=TINY)
    assert not failures
    assert len(fits) == 4
    # Each draw has a training with a seed of its own.
    assert seeds == [0, 1]


def test_what_fails_is_told_and_leaves_nothing_behind(
    data: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(detector: Any, fit: Any, data: Any, options: FitOptions, *args: Any, **more: Any):
        if options.objective == "asl":
            args[0].mkdir(parents=True)
            raise RuntimeError("no minimum")
        return plain(detector, fit, data, options, *args, **more)

    plain = module.tune_detector
    monkeypatch.setattr(module, "tune_detector", broken)
    fits, ((task, failure),) = run_fits(
        data, tasks_on(data, "none", "asl"), tmp_path, finetune=TINY
    )
    assert [task.objective for task in fits] == ["none"]
    assert (task.objective, "no minimum" in failure.reason) == ("asl", True)
    assert not list(tmp_path.glob("training-*"))


def test_a_time_budget_is_shared_out_and_no_training_gets_more_epochs_than_another(
    data: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    planned = []

    def pretended(
        self: module.TunedFits, task: FitTask, drawn: Any, training: Path, left: int, shared: Any
    ) -> StudyFit:
        plan = self._plan(left)
        planned.append((plan.time_budget, plan.epochs))
        took = 100.0
        now[0] += took
        empty = np.empty(0)
        epochs = [{}] * min(plan.epochs, 3)
        return StudyFit(
            task.objective, task.seed, empty, empty, empty, empty, 1.0, took, {"epochs": epochs}
        )

    monkeypatch.setattr(module.TunedFits, "_fit", pretended)
    tasks = tasks_on(data, "none", "asl", seeds=2)
    tuning = replace(TINY, epochs=5, time_budget=630.0)
    before = {
        tasks[0][0]: pretended(
            module.TunedFits(data, tasks, tuning, tmp_path, "", {}),
            tasks[0][0],
            None,
            tmp_path,
            4,
            None,
        )
    }
    began = now[0] - 20.0
    with module.TunedFits(data, tasks, tuning, tmp_path, "", before, began) as fits:
        fits.make(lambda task, outcome: None)
    reserved = module.RESERVED
    assert planned == [
        ((630 - reserved) / 4, 5),
        # The fit that was there has taken 100 s, embedding 20.
        ((630 - reserved - 100 - 20) / 3, 3),
        ((630 - reserved - 200 - 20) / 2, 3),
        (630 - reserved - 300 - 20, 3),
    ]
