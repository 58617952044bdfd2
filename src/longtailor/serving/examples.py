"""The examples of the OpenAPI, made of what the detector knows."""

from __future__ import annotations

from typing import Any

from longtailor.catalog import IMAGE, TEXT
from longtailor.detector import Detector
from longtailor.serving.settings import ServeSettings
from longtailor.serving.upload import IMAGES, TEXTS


def form(detector: Detector, settings: ServeSettings) -> dict[str, Any]:
    """Describe the form that a detector reads, as an OpenAPI request body."""
    alone = len(detector.encoders) == 1
    count = {"type": "array", "minItems": 1, "maxItems": settings.max_products}
    fields: dict[str, Any] = {}
    # A photo cannot be written as JSON: only texts have an example.
    example: dict[str, Any] = {}
    if IMAGE in detector.encoders:
        fields[IMAGES] = {
            **count,
            "items": {"type": "string", "format": "binary"},
            "description": f"Photos of {settings.max_megapixels:g} megapixels at most: "
            "curl -F images=@dress.jpg -F images=@shirt.png",
        }
    if TEXT in detector.encoders:
        fields[TEXTS] = {
            **count,
            "items": {
                "type": "string",
                "maxLength": settings.max_text,
                # Blanks are no text.
                **({"pattern": r"\S"} if alone else {}),
            },
            "description": "Titles or descriptions: curl -F 'texts=a red dress'",
        }
        example[TEXTS] = ["a red dress with puff sleeves", "a plain shirt"]
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": fields,
                    "additionalProperties": False,
                    "minProperties": 1,
                },
                **({"example": example} if example else {}),
                "encoding": {name: {"style": "form", "explode": True} for name in fields},
            }
        },
    }


def answer(detector: Detector) -> dict[str, Any]:
    """Show the first labels of the detector in an answer."""
    labels = [
        {"label": label, "score": score, "threshold": float(threshold), "predicted": predicted}
        for label, threshold, (score, predicted) in zip(
            detector.space.labels, detector.thresholds, ((0.91, True), (0.08, False)), strict=False
        )
    ]
    image = "dress.jpg" if IMAGE in detector.encoders else None
    return {"products": [{"image": image, "labels": labels}]}
