"""What the service answers, as OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from longtailor.detector import Detector
from longtailor.labels.space import attribute_of
from longtailor.serving.batching import Scores


class LabelScore(BaseModel):
    """A label of a product."""

    label: str
    score: float = Field(ge=0, le=1, description="Probability, as the objective made it.")
    threshold: float = Field(ge=0, le=1, description="From which score the label is predicted.")
    predicted: bool = Field(
        description="Of an exclusive attribute exactly one label is, unless independent is asked "
        "for. A label without a promise never is, where the detector promises a precision."
    )
    score_corrected: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Probability without what the weights of the objective added. Only with "
        "corrected=true.",
    )


class ProductAnswer(BaseModel):
    """A product of the request."""

    image: str | None = Field(description="The name of the uploaded file.")
    labels: list[LabelScore] = Field(description="The highest score first.")


class PredictAnswer(BaseModel):
    """The products of the request, in its order."""

    products: list[ProductAnswer]


class LabelInfo(BaseModel):
    """A label that the detector knows."""

    label: str
    attribute: str
    exclusive: bool = Field(description="Whether a product has exactly one label of the attribute.")
    threshold: float = Field(ge=0, le=1)
    promised_precision: float | None = Field(
        description="The precision that its threshold promises, if it does."
    )


class LabelsAnswer(BaseModel):
    """What the detector reads and knows."""

    reads: list[str] = Field(description="image, text or both.")
    labels: list[LabelInfo]


class HealthAnswer(BaseModel):
    """Whether the service takes work."""

    status: str = Field(description="ready, live, busy or dead.")


class ErrorAnswer(BaseModel):
    """Why there is no other answer."""

    detail: str = Field(description="One sentence.")


def predict_answer(
    detector: Detector,
    images: Sequence[str | None],
    scores: Sequence[Scores],
    *,
    exclusive: bool,
    corrected: bool,
    only_predicted: bool,
    top: int | None,
) -> dict[str, Any]:
    """Lay scores out as `PredictAnswer` describes."""
    predicted = detector.decide(np.array([s.probabilities for s in scores]), exclusive=exclusive)
    products = []
    for image, score, yes in zip(images, scores, predicted, strict=True):
        order = np.argsort(-score.probabilities, kind="stable")
        if only_predicted:
            order = order[yes[order]]
        rows = [
            {
                "label": detector.space.labels[at],
                "score": float(score.probabilities[at]),
                "threshold": float(detector.thresholds[at]),
                "predicted": bool(yes[at]),
                **({"score_corrected": float(score.corrected[at])} if corrected else {}),
            }
            for at in order[:top]
        ]
        products.append({"image": image, "labels": rows})
    return {"products": products}


def labels_answer(detector: Detector) -> LabelsAnswer:
    """Tell what a detector reads and knows."""
    promise = detector.promise
    return LabelsAnswer(
        reads=list(detector.encoders),
        labels=[
            LabelInfo(
                label=label,
                attribute=attribute_of(label),
                exclusive=attribute_of(label) in detector.space.exclusive,
                threshold=float(detector.thresholds[at]),
                promised_precision=promise.precision if promise and promise.kept[at] else None,
            )
            for at, label in enumerate(detector.space.labels)
        ],
    )
