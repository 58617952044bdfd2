"""A detector, what it is served with, and how much of it is taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import numpy as np
from starlette.exceptions import HTTPException

from longtailor.catalog import IMAGE, TEXT
from longtailor.catalog.images import open_image
from longtailor.cores import available_cores
from longtailor.detector import Detector
from longtailor.encoders import Encoder
from longtailor.encoders.preprocessing import Pixels
from longtailor.serving.batching import Batcher, Product, Scores
from longtailor.serving.metrics import Metrics
from longtailor.serving.settings import ServeSettings

RETRY_AFTER = "1"
"""Seconds after which a client that was refused may try again."""


class Service:
    """What the routes share.

    Attributes
    ----------
    detector : Detector
    settings : ServeSettings
    metrics : Metrics
    stopping : bool
        Set once the service is told to stop: no new work is taken.
    """

    def __init__(self, detector: Detector, settings: ServeSettings) -> None:
        self.detector = detector
        self.settings = settings
        self.metrics = Metrics()
        self.stopping = False
        self._taken = 0
        self._batcher: Batcher | None = None
        self._decoders: ThreadPoolExecutor | None = None
        self.metrics.watch(
            "products_in_progress", "Products accepted and not answered", lambda: self._taken
        )
        self.metrics.watch(
            "queue_products",
            "Products that wait for a batch",
            lambda: self._batcher.waiting if self._batcher else 0,
        )

    @property
    def ready(self) -> bool:
        """Whether products can be scored."""
        return self._batcher is not None and self._batcher.alive and not self.stopping

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have the threads run; on leaving, what is queued is finished."""
        self._warm_up()
        settings = self.settings
        self._decoders = ThreadPoolExecutor(available_cores(), "longtailor-decode")
        self._batcher = Batcher(
            self.detector,
            batch_size=settings.batch_size,
            batch_wait=settings.batch_wait,
            metrics=self.metrics,
        )
        try:
            yield
        finally:
            self.stopping = True
            self._decoders.shutdown(wait=False, cancel_futures=True)
            self._batcher.close(settings.drain)

    @contextlib.contextmanager
    def place(self, products: int = 1) -> Iterator[None]:
        """Have a place for so many products while the block runs.

        Raises
        ------
        HTTPException
            503, if there is none.
        """
        if self.stopping:
            raise self._refused("stopping", "the service is stopping")
        if self._taken + products > self.settings.queue:
            raise self._refused("queue", "the service has all the work it can take; try again")
        self._taken += products
        try:
            yield
        finally:
            self._taken -= products

    async def decode(self, files: Sequence[tuple[str, IO[bytes]]]) -> list[Pixels | Exception]:
        """Decode uploads on threads: the pixels of each, or why not."""
        assert self._decoders is not None
        loop = asyncio.get_running_loop()
        tasks = [
            loop.run_in_executor(self._decoders, self._decode, name, file) for name, file in files
        ]
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def score(self, products: Sequence[Product]) -> list[Scores]:
        """Score products, together with those of other requests."""
        assert self._batcher is not None
        futures = [asyncio.wrap_future(self._batcher.submit(product)) for product in products]
        return await asyncio.gather(*futures)

    def _warm_up(self) -> None:
        """Load the encoders and use them once, so that no client waits for it."""
        image = self.detector.loaded_encoders.get(IMAGE)
        size = image.image_size if isinstance(image, Encoder) else 1
        self.detector.embed(
            [np.zeros((size, size, 3), np.uint8)] if image is not None else None,
            texts=["a dress"] if TEXT in self.detector.encoders else None,
        )

    def _decode(self, name: str, file: IO[bytes]) -> Pixels:
        encoder = self.detector.loaded_encoders[IMAGE]
        assert isinstance(encoder, Encoder)
        image = open_image(
            file,
            draft=encoder.image_size,
            name=name,
            max_megapixels=self.settings.max_megapixels,
        )
        return encoder.preprocess(image)

    def _refused(self, reason: str, detail: str) -> HTTPException:
        self.metrics.rejected.labels(reason).inc()
        return HTTPException(503, detail, {"Retry-After": RETRY_AFTER})
