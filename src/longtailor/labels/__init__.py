"""Label space, label matrix, statistics and bands. Depends on NumPy alone."""

from longtailor.labels.bands import BANDS, HEAD, MEDIUM, TAIL, Bands
from longtailor.labels.matrix import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, as_label_matrix
from longtailor.labels.space import (
    LabelSpace,
    attribute_of,
    find_exclusive,
    label_name,
    value_of,
)
from longtailor.labels.statistics import LabelStatistics

__all__ = [
    "BANDS",
    "HEAD",
    "MEDIUM",
    "NEGATIVE",
    "POSITIVE",
    "TAIL",
    "UNKNOWN",
    "Bands",
    "LabelMatrix",
    "LabelSpace",
    "LabelStatistics",
    "as_label_matrix",
    "attribute_of",
    "find_exclusive",
    "label_name",
    "value_of",
]
