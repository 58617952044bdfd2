"""Fits of a study that train the encoder too: one after another, on all cores.

Each is trained in a folder of its own, whose checkpoints an interrupted study goes on from. Photos
are decoded once for all. Weights are kept only as long as another fit needs them: `auto` is fitted
to the embeddings of the encoder that was trained with its objective on the same products.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from longtailor.catalog import TEST, TRAIN
from longtailor.fitting import (
    Embedded,
    FitOptions,
    Stopwatch,
    before_tuning,
    fit_detector,
    tune_detector,
)
from longtailor.studies.fits import DrawnData, FitTask, reason_of
from longtailor.studies.results import StudyFit
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.pixels import DecodedPhotos, SharedPhotos

RESERVED = 30.0
"""Seconds of a time budget that are left for measuring and the page."""


class TunedFits:
    """Makes fits of a study that train the encoder, and cleans up behind them.

    Parameters
    ----------
    data : Embedded
    tasks : sequence of (FitTask, DrawnData)
        All fits of the study, finished or not.
    finetune : FineTuning
        A time budget is for the whole study: each training gets an equal share of what is left,
        and no more epochs than the one with the fewest before it, so that all are alike.
    folder : Path or None
        Where trainings are kept until their fits are finished; None: nowhere beyond this object.
    fingerprint : str
        Of all that the fits depend on besides their tasks.
    finished : mapping of FitTask to StudyFit
        Fits that were made before: what they took counts in the time budget.
    began : float, optional
        When the time budget began, by `time.monotonic`. Default: now.
    """

    def __init__(
        self,
        data: Embedded,
        tasks: Sequence[tuple[FitTask, DrawnData]],
        finetune: FineTuning,
        folder: Path | None,
        fingerprint: str,
        finished: Mapping[FitTask, StudyFit],
        began: float | None = None,
    ) -> None:
        self.data = data
        self.tasks = tasks
        # Logs would be removed with the training; its curves are kept with the fit.
        logger = "none" if finetune.logger == "auto" else finetune.logger
        self.finetune = replace(finetune, logger=logger)
        self.fingerprint = fingerprint
        self.finished = dict(finished)
        earlier = sum(fit.seconds for fit in finished.values())
        self.began = (time.monotonic() if began is None else began) - earlier
        self._stack = ExitStack()
        if folder is None:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def make(self, told: Callable[[FitTask, StudyFit | str], None]) -> None:
        """Call `told` with each fit that is left, or with why it failed, when it is there."""
        shared = self._shared_photos()
        left = [(task, drawn) for task, drawn in self.tasks if task not in self.finished]
        trainings = Counter(self._training(task) for task, _ in left)
        seconds: list[float] = []
        for task, drawn in left:
            training = self._training(task)
            _tell(task, len(self.tasks), len(left) - len(seconds), seconds)
            start = time.perf_counter()
            outcome: StudyFit | str
            try:
                outcome = self._fit(task, drawn, training, len(trainings), shared)
                self.finished[task] = outcome
            except Exception as error:
                outcome = reason_of(error)
            seconds.append(time.perf_counter() - start)
            told(task, outcome)
            trainings[training] -= 1
            if not trainings[training]:
                del trainings[training]
                shutil.rmtree(training, ignore_errors=True)
        # Also what was left by a study that was killed between a fit and its cleaning up.
        for folder in {self._training(task) for task, _ in self.tasks}:
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(shared.learned.folder, ignore_errors=True)

    def _shared_photos(self) -> SharedPhotos:
        """Say which photos are to be decoded: those of all draws."""
        catalog = self.data.catalog
        learned = np.zeros(len(catalog), bool)
        measured = catalog.in_split(TEST).copy()
        for _, drawn in self.tasks:
            learned[drawn.draw.train] = True
            measured[drawn.draw.val] = measured[drawn.draw.train] = True
        digest = hashlib.sha256(self.fingerprint.encode() + learned.tobytes() + measured.tobytes())
        folder = self.folder / f"photos-{digest.hexdigest()[:32]}"
        paths = [
            [path for path, inside in zip(catalog.images, mask, strict=True) if inside and path]
            for mask in (learned, measured)
        ]
        return SharedPhotos(
            DecodedPhotos(folder, "learned", paths[0]),
            DecodedPhotos(folder, "measured", paths[1]),
        )

    def _training(self, task: FitTask) -> Path:
        """Give the folder of a fit's training, the same for fits that share it."""
        objective = before_tuning(FitOptions(task.objective, finetune=self.finetune)).objective
        named = {"data": self.fingerprint, **task.to_dict(), "objective": objective}
        key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
        return self.folder / f"training-{key[:32]}"

    def _fit(
        self, task: FitTask, drawn: DrawnData, training: Path, left: int, shared: SharedPhotos
    ) -> StudyFit:
        watch = Stopwatch()
        data = drawn.embedded(task.attribute)
        options = FitOptions(task.objective, seed=task.seed, finetune=self._plan(left))
        detector, fit = fit_detector(data, before_tuning(options))
        detector, fit, data, tuned = tune_detector(
            detector, fit, data, options, training, watch, resume=True, shared=shared
        )
        test = data.of(TEST)
        return StudyFit(
            task.objective,
            task.seed,
            detector.probabilities(test).astype(np.float32),
            detector.probabilities(test, corrected=True).astype(np.float32),
            detector.thresholds,
            data.catalog.statistics(TRAIN).positive,
            fit.chosen.penalty,
            round(time.monotonic() - watch.began, 3),
            _described(tuned.curves),
        )

    def _plan(self, left: int) -> FineTuning:
        """Give a training its share of the time that is left."""
        if self.finetune.time_budget is None:
            return self.finetune
        seconds = self.began + self.finetune.time_budget - RESERVED - time.monotonic()
        epochs = [len(fit.training["epochs"]) for fit in self.finished.values() if fit.training]
        return replace(
            self.finetune,
            time_budget=max(seconds / left, 1.0),
            epochs=min(self.finetune.epochs, *epochs) if epochs else self.finetune.epochs,
        )


def _described(curves: dict[str, Any]) -> dict[str, Any]:
    kept = ("steps", "steps_asked", "best_epoch", "epochs")
    return {**{name: curves[name] for name in kept}, "seconds": curves["training_seconds"]}


def _tell(task: FitTask, count: int, left: int, seconds: Sequence[float]) -> None:
    """Say which fit begins, and how long all that are left will take."""
    which = [task.objective, f"seed {task.seed}"]
    which += [f"share {task.share:g}"] if task.share < 1 else []
    which += [f"{task.attribute} alone"] if task.attribute else []
    which += [f"{task.positives} positives of {task.label!r}"] if task.label else []
    line = f"fit {count - left + 1} of {count}: {', '.join(which)}"
    if seconds:
        minutes, rest = divmod(round(float(np.mean(seconds)) * left), 60)
        line += f"; about {minutes}:{rest:02} left for all"
    print(line, file=sys.stderr, flush=True)
