"""Embedding -> logits."""

from longtailor.classifiers.competition import compete
from longtailor.classifiers.linear import (
    Block,
    LinearClassifier,
    normalize_block,
    power_normalize,
)

__all__ = ["Block", "LinearClassifier", "compete", "normalize_block", "power_normalize"]
