"""The documentation that the service shows of itself, without the internet."""

from __future__ import annotations

from typing import Any

from longtailor.catalog import IMAGE, TEXT
from longtailor.reporting.page import render
from longtailor.serving.service import Service
from longtailor.serving.settings import address


def build_docs(service: Service, openapi: dict[str, Any]) -> str:
    """Write a page of the addresses in an OpenAPI description."""
    return render(
        "service.html",
        operations=[
            {"method": method.upper(), "path": path, **operation}
            for path, methods in openapi["paths"].items()
            for method, operation in methods.items()
        ],
        labels=service.detector.space.labels,
        curl=_curl(service),
    )


def _curl(service: Service) -> str:
    reads, settings = service.detector.encoders, service.settings
    parts = [
        "curl",
        '-H "Authorization: Bearer $LONGTAILOR_TOKEN"' if settings.token else "",
        "-F images=@photo.jpg" if IMAGE in reads else "",
        "-F 'texts=a red dress with puff sleeves'" if TEXT in reads else "",
        f"{address(settings.host, settings.port)}/predict",
    ]
    return " ".join(filter(None, parts))
