"""What the service measures of itself, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters, each service its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "longtailor_requests",
            "Requests that were answered",
            ("method", "path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "longtailor_request_seconds",
            "From the first byte of a request to the last of its answer",
            ("path",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.rejected = Counter(
            "longtailor_rejected",
            "Requests that were refused unread or not in time",
            ("reason",),
            registry=self.registry,
        )
        self.products = Counter(
            "longtailor_products", "Products that were scored", registry=self.registry
        )
        self.batch_size = Histogram(
            "longtailor_batch_products",
            "Products that went through the encoder together",
            buckets=_SIZES,
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "longtailor_batch_seconds",
            "Seconds that a batch took",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """Show a number as it is when it is asked for."""
        Gauge(f"longtailor_{name}", what, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """Write all numbers in the text format of Prometheus."""
        return generate_latest(self.registry)


class Measured:
    """Middleware that counts answers and the time they took."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            # The path as it was declared: those that clients make up would fill the memory.
            path = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
