"""Products of many requests, scored together by the one thread that owns the detector."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longtailor.catalog import IMAGE, TEXT
from longtailor.detector import Detector
from longtailor.encoders.preprocessing import Pixels
from longtailor.serving.metrics import Metrics

Floats = npt.NDArray[np.float64]


class Product(NamedTuple):
    """What a client sent of a product, as the encoders take it; at least one of both."""

    pixels: Pixels | None
    text: str | None


class Scores(NamedTuple):
    """Probabilities of one product, shape (labels,): as the objective made them, and corrected."""

    probabilities: Floats
    corrected: Floats


@dataclass(frozen=True, eq=False)
class _Job:
    product: Product
    scores: Future[Scores] = field(default_factory=Future)


class Batcher:
    """A queue and the thread that works it off.

    Parameters
    ----------
    detector : Detector
        Its encoders are loaded.
    batch_size : int
        Products that are scored together at most.
    batch_wait : float
        Seconds that the first product of a batch waits for others.
    metrics : Metrics
    """

    def __init__(
        self, detector: Detector, *, batch_size: int, batch_wait: float, metrics: Metrics
    ) -> None:
        self._detector = detector
        self._batch_size = batch_size
        self._batch_wait = batch_wait
        self._metrics = metrics
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # A daemon: a network that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="longtailor-score", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Products that no batch has taken yet."""
        return self._jobs.qsize()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def submit(self, product: Product) -> Future[Scores]:
        """Queue a product. Its future can be cancelled as long as no batch has taken it."""
        job = _Job(product)
        self._jobs.put(job)
        return job.scores

    def close(self, timeout: float | None = None) -> None:
        """Finish what is queued, and end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout)

    def _work(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next_batch()
            # Whoever gave up waiting has cancelled.
            batch = [job for job in batch if job.scores.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)

    def _next_batch(self) -> tuple[list[_Job], bool]:
        job = self._jobs.get()
        if job is None:
            return [], False
        batch = [job]
        until = time.monotonic() + self._batch_wait
        while len(batch) < self._batch_size:
            try:
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if job is None:
                return batch, False
            batch.append(job)
        return batch, True

    def _answer(self, batch: Sequence[_Job]) -> None:
        started = time.perf_counter()
        try:
            scores = self._score([job.product for job in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].scores.set_exception(error)
                return
            # One product that cannot be scored must not take its neighbours with it.
            for job in batch:
                self._answer([job])
            return
        self._metrics.batch_seconds.observe(time.perf_counter() - started)
        self._metrics.batch_size.observe(len(batch))
        self._metrics.products.inc(len(batch))
        for job, one in zip(batch, scores, strict=True):
            job.scores.set_result(one)

    def _score(self, products: Sequence[Product]) -> list[Scores]:
        reads = self._detector.encoders
        embeddings = self._detector.embed(
            [product.pixels for product in products] if IMAGE in reads else None,
            texts=[product.text for product in products] if TEXT in reads else None,
        )
        probabilities = self._detector.probabilities(embeddings)
        corrected = self._detector.probabilities(embeddings, corrected=True)
        return [Scores(*rows) for rows in zip(probabilities, corrected, strict=True)]
