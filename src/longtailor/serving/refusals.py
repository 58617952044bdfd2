"""Answers that say no, counted."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from longtailor.serving.metrics import Metrics

RETRY_AFTER = "1"
"""Seconds after which a client that was refused may try again."""
_HEADERS = {
    503: {"Retry-After": RETRY_AFTER},
    # A browser that is asked for Basic shows its own dialogue.
    401: {"WWW-Authenticate": 'Bearer realm="longtailor", Basic realm="longtailor"'},
}


def refuse(metrics: Metrics, reason: str, status: int, detail: str) -> HTTPException:
    """Make the error of a refused request, and count it under `reason`."""
    metrics.rejected.labels(reason).inc()
    return HTTPException(status, detail, _HEADERS.get(status))
