"""Embedding -> logits."""

from longtailor.classifiers.blended import BlendedClassifier
from longtailor.classifiers.competition import compete
from longtailor.classifiers.linear import (
    Block,
    LinearClassifier,
    normalize_block,
    power_normalize,
)

Classifier = LinearClassifier | BlendedClassifier

__all__ = [
    "BlendedClassifier",
    "Block",
    "Classifier",
    "LinearClassifier",
    "compete",
    "normalize_block",
    "power_normalize",
]
