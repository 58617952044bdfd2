"""The fits of a study, side by side: equal tuning for all, and none lost.

Every fit runs on one thread and as many run at a time as there are cores, so that the figures do
not depend on how many there are.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
import torch

import longtailor
from longtailor.catalog import TEST, TRAIN, VAL
from longtailor.cores import available_cores
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import Embedded, FitOptions, fit_detector
from longtailor.labels import LabelMatrix, LabelSpace
from longtailor.progress import track
from longtailor.studies.draws import Draw
from longtailor.studies.results import Failure, StudyFit
from longtailor.studies.store import FitStore
from longtailor.training.deep.options import FineTuning
from longtailor.training.design import Design
from longtailor.training.search import AUTO, BETAS, build_objective, parse_objective


@dataclass(frozen=True)
class FitTask:
    """Which fit: this and the data decide its figures.

    Attributes
    ----------
    objective : str
    seed : int
        Of the draw, and of the choice of thresholds.
    share : float
        Share of the annotated products that are given.
    attribute : str or None
        Fitted alone; None for all together.
    label : str or None
        Whose positives are cut to `positives`.
    positives : int or None
    """

    objective: str
    seed: int
    share: float = 1.0
    attribute: str | None = None
    label: str | None = None
    positives: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the task as JSON can hold it."""
        return dict(vars(self))


@dataclass(eq=False)
class DrawnData:
    """The products of one draw, and what its fits share."""

    data: Embedded
    draw: Draw
    _lock: Lock = field(default_factory=Lock)
    _design: Design | None = None

    @property
    def design(self) -> Design:
        """The embeddings of train, prepared once for all objectives and attributes."""
        with self._lock:
            if self._design is None:
                rows = self.data.embeddings[self.draw.train]
                self._design = Design.of(torch.from_numpy(rows), self.data.blocks)
            return self._design

    def forget(self) -> None:
        """Drop what the fits share, when all are done."""
        self._design = None

    def embedded(self, attribute: str | None) -> Embedded:
        """Give train, val and test as a fit takes them, with the labels of one attribute or all."""
        catalog = self.data.catalog
        split = np.full(len(catalog), "", dtype=f"<U{len(TRAIN)}")
        split[catalog.in_split(TEST)] = TEST
        split[self.draw.train], split[self.draw.val] = TRAIN, VAL
        drawn = replace(catalog, split=split)
        if attribute is not None:
            drawn = drawn.take_labels(catalog.space.groups[attribute])
        return replace(self.data, catalog=drawn)


class _StoppedError(Exception):
    """The study was interrupted; the fit in hand is given up."""


def check_objectives(objectives: Sequence[str]) -> None:
    """Refuse objectives that are unknown, or are given twice, before anything starts.

    Raises
    ------
    UsageError
    """
    seen: dict[tuple[str, tuple[tuple[str, Any], ...]], str] = {}
    for objective in objectives:
        name, parameters = parse_objective(objective)
        key = name, tuple(sorted(parameters.items()))
        if key in seen:
            raise UsageError(f"objective {objective!r} is the same as {seen[key]!r}; give it once")
        seen[key] = objective


def check_parts(objectives: Sequence[str], matrix: LabelMatrix, space: LabelSpace) -> None:
    """Refuse objectives whose parts make no sense together, or not with these labels.

    Raises
    ------
    UsageError
    """
    for objective in objectives:
        name, parameters = parse_objective(objective)
        if parameters.get("beta") == AUTO:
            parameters["beta"] = BETAS[-1]
        build_objective(name, matrix, space, parameters)


def run_fits(
    data: Embedded,
    tasks: Sequence[tuple[FitTask, DrawnData]],
    folder: Path | None = None,
    *,
    workers: int | None = None,
    finetune: FineTuning | None = None,
    began: float | None = None,
) -> tuple[dict[FitTask, StudyFit], list[tuple[FitTask, Failure]]]:
    """Make all fits of a study, but those that were finished before.

    Parameters
    ----------
    data : Embedded
        The catalogue of the study.
    tasks : sequence of (FitTask, DrawnData)
        Those of one draw beside each other: what they share is kept only as long.
    folder : Path, optional
        Where finished fits are kept.
    workers : int, optional
        Fits at a time. Default: as many as there are cores.
    finetune : FineTuning, optional
        How the encoder of each fit is trained (`longtailor.studies.tuned_fits`). These fits are
        made one after another, on all cores.
    began : float, optional
        When the time budget of the fine-tuning began, by `time.monotonic`. Default: now.

    Returns
    -------
    fits : dict of FitTask to StudyFit
    failures : list of (FitTask, Failure)
        In the order of the tasks; the study goes on without these fits.

    Raises
    ------
    LongtailorError
        If a fit cannot be written, or all fits fail.
    """
    labels = data.catalog.space
    tests = int(data.catalog.in_split(TEST).sum())
    fingerprint = fingerprint_of(data, finetune)

    def store(task: FitTask) -> FitStore:
        width = len(labels) if task.attribute is None else len(labels.groups[task.attribute])
        return FitStore(folder, fingerprint, (tests, width))

    fits: dict[FitTask, StudyFit] = {}
    failed: dict[FitTask, str] = {}
    # A fit that takes minutes shows its own progress.
    with track("Fitting", len(tasks)) if finetune is None else nullcontext(_silent) as advance:

        def finished(task: FitTask, outcome: StudyFit | str) -> None:
            if isinstance(outcome, StudyFit):
                store(task).put(task.to_dict(), outcome)
                fits[task] = outcome
            else:
                failed[task] = outcome
            advance(1)

        left = []
        for task, drawn in tasks:
            done = store(task).get(task.to_dict())
            if done is None:
                left.append((task, drawn))
            else:
                fits[task] = done
                advance(1)
        if finetune is None:
            _side_by_side(left, workers or available_cores(), finished)
        else:
            from longtailor.studies.tuned_fits import TunedFits

            with TunedFits(data, tasks, finetune, folder, fingerprint, fits, began) as tuned:
                tuned.make(finished)
    failures = [(task, _failure(task, failed[task])) for task, _ in tasks if task in failed]
    if failures and not fits:
        first = failures[0][1]
        raise LongtailorError(f"all {len(failures)} fits failed; the first: {first.reason}")
    return {task: fits[task] for task, _ in tasks if task in fits}, failures


def fingerprint_of(data: Embedded, finetune: FineTuning | None = None) -> str:
    """Give a hash of all that the fits of a study depend on besides their tasks."""
    catalog = data.catalog
    digest = hashlib.sha256()
    for part in (
        longtailor.__version__,
        torch.__version__,
        {name: encoder.to_dict() for name, encoder in data.encoders.items()},
        catalog.space.to_dict(),
        catalog.group.tolist(),
        catalog.split.tolist(),
        *(() if finetune is None else (asdict(finetune),)),
    ):
        digest.update(repr(part).encode())
    digest.update(np.ascontiguousarray(catalog.matrix).tobytes())
    digest.update(np.ascontiguousarray(data.embeddings).tobytes())
    return digest.hexdigest()


def _side_by_side(
    tasks: Sequence[tuple[FitTask, DrawnData]],
    workers: int,
    finished: Callable[[FitTask, StudyFit | str], None],
) -> None:
    """Call `finished` with each fit, or with why it failed, as soon as it is there."""
    queue = iter(tasks)
    unfinished = Counter(drawn for _, drawn in tasks)
    stop = Event()
    running: dict[Future[StudyFit], tuple[FitTask, DrawnData]] = {}
    with _one_thread_each(workers) as pool:
        try:
            while True:
                # One more than can run waits its turn, so that no worker does.
                while len(running) <= workers and (following := next(queue, None)):
                    task, drawn = following
                    running[pool.submit(_fit, task, drawn, stop)] = task, drawn
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task, drawn = running.pop(future)
                    unfinished[drawn] -= 1
                    if not unfinished[drawn]:
                        drawn.forget()
                    finished(task, _outcome(future))
        finally:
            # On Ctrl-C, what is being fitted ends with the penalty in hand.
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each(workers: int) -> Iterator[ThreadPoolExecutor]:
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(
        workers, "longtailor-fits", initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        try:
            yield pool
        finally:
            # The number set in a thread is the default of those that come later, too.
            torch.set_num_threads(threads)


def _outcome(future: Future[StudyFit]) -> StudyFit | str:
    error = future.exception()
    return future.result() if error is None else reason_of(error)


def reason_of(error: BaseException) -> str:
    """Say why a fit failed; what stops the whole study is raised again."""
    if isinstance(error, MemoryError) or not isinstance(error, Exception):
        raise error
    return str(error) if isinstance(error, LongtailorError) else repr(error)


def _silent(steps: int) -> None:
    pass


def _fit(task: FitTask, drawn: DrawnData, stop: Event) -> StudyFit:
    def advance(steps: int) -> None:
        if stop.is_set():
            raise _StoppedError

    start = time.perf_counter()
    data = drawn.embedded(task.attribute)
    options = FitOptions(objective=task.objective, seed=task.seed)
    detector, fitted = fit_detector(data, options, advance=advance, design=drawn.design)
    test = data.of(TEST)
    return StudyFit(
        task.objective,
        task.seed,
        detector.probabilities(test).astype(np.float32),
        detector.probabilities(test, corrected=True).astype(np.float32),
        detector.thresholds,
        data.catalog.statistics(TRAIN).positive,
        fitted.chosen.penalty,
        round(time.perf_counter() - start, 3),
    )


def _failure(task: FitTask, reason: str) -> Failure:
    where = [
        f"{task.attribute} alone" if task.attribute else "",
        f"{task.positives} positives of {task.label}" if task.label else "",
        f"share {task.share:g}" if task.share < 1 else "",
    ]
    told = ", ".join(filter(None, where))
    return Failure(task.objective, task.seed, f"{told}: {reason}" if told else reason)
