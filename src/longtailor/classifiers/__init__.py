"""Embedding -> logits."""

from longtailor.classifiers.linear import LinearClassifier

__all__ = ["LinearClassifier"]
