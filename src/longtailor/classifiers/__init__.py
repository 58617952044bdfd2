"""Embedding -> logits."""

from longtailor.classifiers.competition import compete
from longtailor.classifiers.linear import LinearClassifier, power_normalize

__all__ = ["LinearClassifier", "compete", "power_normalize"]
