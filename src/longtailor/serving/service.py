"""A detector, what it is served with, and how much of it is taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import numpy as np

from longtailor.catalog import IMAGE, TEXT
from longtailor.catalog.images import open_image
from longtailor.cores import available_cores
from longtailor.detector import Detector
from longtailor.encoders import Encoder
from longtailor.encoders.preprocessing import Pixels
from longtailor.errors import ImageError
from longtailor.serving.batching import Batcher, Product, Scores
from longtailor.serving.metrics import Metrics
from longtailor.serving.refusals import refuse
from longtailor.serving.settings import ServeSettings

LAST_BATCH = 5.0
"""Seconds that a batch gets to which no request waits any more."""


class Service:
    """What the routes share.

    Attributes
    ----------
    detector : Detector
    settings : ServeSettings
    metrics : Metrics
    """

    def __init__(self, detector: Detector, settings: ServeSettings) -> None:
        self.detector = detector
        self.settings = settings
        self.metrics = Metrics()
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
    def alive(self) -> bool:
        """Whether the thread that scores runs. If not, only a new process helps."""
        return self._batcher is not None and self._batcher.alive

    @property
    def full(self) -> bool:
        """Whether all places are taken."""
        return self._taken >= self.settings.queue

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Have the threads run; on leaving, what is queued is finished.

        Raises
        ------
        LongtailorError
            If an encoder cannot be loaded.
        """
        self._warm_up()
        self._decoders = ThreadPoolExecutor(available_cores(), "longtailor-decode")
        self._batcher = Batcher(
            self.detector,
            batch_size=self.settings.batch_size,
            batch_wait=self.settings.batch_wait,
            metrics=self.metrics,
        )
        try:
            yield
        finally:
            self._decoders.shutdown(wait=False, cancel_futures=True)
            self._batcher.close(LAST_BATCH)

    @contextlib.contextmanager
    def place(self, products: int = 1) -> Iterator[None]:
        """Have a place for so many products while the block runs.

        Raises
        ------
        HTTPException
            503, if there is none.
        """
        if self._taken + products > self.settings.queue:
            raise refuse(
                self.metrics, "queue", 503, "the service has all the work it can take: try again"
            )
        self._taken += products
        try:
            yield
        finally:
            self._taken -= products

    async def decode(self, files: Sequence[tuple[str, IO[bytes]]]) -> list[Pixels | ImageError]:
        """Decode uploads on threads: the pixels of each, or why there are none."""
        assert self._decoders is not None
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(self._decoders, self._decode, *file) for file in files)
        )

    async def score(self, products: Sequence[Product]) -> list[Scores]:
        """Score products, together with those of other requests."""
        assert self._batcher is not None
        futures = [asyncio.wrap_future(self._batcher.submit(product)) for product in products]
        return await asyncio.gather(*futures)

    def _decode(self, name: str, file: IO[bytes]) -> Pixels | ImageError:
        encoder = self.detector.loaded_encoders[IMAGE]
        assert isinstance(encoder, Encoder)
        limit = self.settings.max_megapixels
        try:
            image = open_image(file, draft=encoder.image_size, name=name, max_megapixels=limit)
        except ImageError as error:
            return error
        return encoder.preprocess(image)

    def _warm_up(self) -> None:
        """Load the encoders and use them once, so that no client waits for it."""
        image = self.detector.loaded_encoders.get(IMAGE)
        size = image.image_size if isinstance(image, Encoder) else 1
        self.detector.embed(
            [np.zeros((size, size, 3), np.uint8)] if image is not None else None,
            texts=["a dress"] if TEXT in self.detector.encoders else None,
        )
