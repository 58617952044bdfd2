"""The documentation that the service shows of itself, without the internet."""

from __future__ import annotations

import json
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
            {
                "method": method.upper(),
                "path": path,
                "fields": _fields(operation),
                "example": _example(operation),
                **operation,
            }
            for path, methods in openapi["paths"].items()
            for method, operation in methods.items()
        ],
        labels=service.detector.space.labels,
        curl=_curl(service),
    )


def _fields(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    fields: dict[str, Any] = (
        content.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
    )
    return fields


def _example(operation: dict[str, Any]) -> str | None:
    content = operation["responses"].get("200", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    return None if example is None else json.dumps(example, indent=1, ensure_ascii=False)


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
