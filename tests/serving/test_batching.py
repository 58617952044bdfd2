from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from longtailor import Detector
from longtailor.errors import LongtailorError
from longtailor.serving.batching import Batcher, Product
from longtailor.serving.metrics import Metrics


class Gate:
    """Holds the detector back, and tells what it was given."""

    def __init__(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.sizes: list[int] = []
        embed = detector.embed

        def watched(images: Any, *, texts: Any = None) -> Any:
            self.entered.set()
            assert self.open.wait(10)
            self.sizes.append(len(images))
            return embed(images, texts=texts)

        monkeypatch.setattr(detector, "embed", watched)


@pytest.fixture
def gate(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(detector, monkeypatch)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def batcher(detector: Detector, metrics: Metrics) -> Iterator[Batcher]:
    batcher = Batcher(detector, batch_size=4, batch_wait=0.0, metrics=metrics)
    yield batcher
    batcher.close(10)
    assert not batcher.alive


def product(seed: int) -> Product:
    return Product(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8), None)


def test_those_that_wait_are_scored_together_and_as_alone(
    detector: Detector, gate: Gate, batcher: Batcher, metrics: Metrics
) -> None:
    first = batcher.submit(product(0))
    assert gate.entered.wait(10)
    futures = [first, *(batcher.submit(product(seed)) for seed in range(1, 7))]
    assert batcher.waiting == 6
    gate.open.set()
    scores = [future.result(10) for future in futures]
    assert gate.sizes == [1, 4, 2]
    for seed, got in enumerate(scores):
        alone = detector.embed([product(seed).pixels])
        np.testing.assert_allclose(got.probabilities, detector.probabilities(alone)[0], 1e-6)
        corrected = detector.probabilities(alone, corrected=True)[0]
        np.testing.assert_allclose(got.corrected, corrected, 1e-6)
        assert (got.corrected != got.probabilities).any()
    assert metrics.registry.get_sample_value("longtailor_products_total") == 7
    assert metrics.registry.get_sample_value("longtailor_batch_products_count") == 3


def test_the_first_waits_for_others(detector: Detector, gate: Gate, metrics: Metrics) -> None:
    gate.open.set()
    batcher = Batcher(detector, batch_size=2, batch_wait=30, metrics=metrics)
    futures = [batcher.submit(product(seed)) for seed in range(2)]
    for future in futures:
        future.result(10)
    assert gate.sizes == [2]
    batcher.submit(product(2))
    # It ends at once: what waits for others does not wait for them any more.
    batcher.close(10)
    assert not batcher.alive
    assert gate.sizes == [2, 1]


def test_what_was_cancelled_is_not_scored(gate: Gate, batcher: Batcher) -> None:
    first = batcher.submit(product(0))
    assert gate.entered.wait(10)
    futures = [batcher.submit(product(seed)) for seed in range(1, 4)]
    assert futures[1].cancel()
    gate.open.set()
    for future in (first, futures[0], futures[2]):
        future.result(10)
    assert gate.sizes == [1, 2]


def test_one_that_cannot_be_scored_harms_no_other(
    detector: Detector, batcher: Batcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = detector.embed

    def picky(images: Any, *, texts: Any = None) -> Any:
        if any(not image.any() for image in images):
            raise LongtailorError("black")
        return embed(images, texts=texts)

    monkeypatch.setattr(detector, "embed", picky)
    futures = [batcher.submit(product(seed)) for seed in range(3)]
    broken = batcher.submit(Product(np.zeros((16, 16, 3), np.uint8), None))
    for future in futures:
        assert future.result(10).probabilities.shape == (4,)
    with pytest.raises(LongtailorError, match="black"):
        broken.result(10)
    assert batcher.alive


def test_closing_finishes_what_is_queued(gate: Gate, batcher: Batcher) -> None:
    futures = [batcher.submit(product(seed)) for seed in range(9)]
    threading.Timer(0.05, gate.open.set).start()
    batcher.close(10)
    assert all(future.done() for future in futures)
    assert sum(gate.sizes) == 9
