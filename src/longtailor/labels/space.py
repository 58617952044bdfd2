"""The label space: which labels there are, and which attribute each belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.labels.matrix import POSITIVE, UNKNOWN, LabelMatrix

SEPARATOR = ":"


def label_name(attribute: str, value: str) -> str:
    """Write a label as `attribute:value`."""
    return f"{attribute}{SEPARATOR}{value}"


def attribute_of(label: str) -> str:
    """Give the attribute of a label; a label without a colon is an attribute of its own."""
    return label.partition(SEPARATOR)[0]


def value_of(label: str) -> str:
    """Give the value of a label; a label without a colon is its own value."""
    attribute, _, value = label.partition(SEPARATOR)
    return value or attribute


@dataclass(frozen=True)
class LabelSpace:
    """An ordered set of labels, grouped by attribute.

    Parameters
    ----------
    labels : sequence of str
        Labels as `attribute:value`, in the order of the columns of the label matrix.
    exclusive : iterable of str, optional
        Attributes of which a product has exactly one value.

    Raises
    ------
    ValueError
        If a label appears twice, or an exclusive attribute has no label.
    """

    labels: tuple[str, ...]
    exclusive: frozenset[str] = field(default_factory=frozenset)

    def __init__(self, labels: Iterable[str], exclusive: Iterable[str] = ()) -> None:
        object.__setattr__(self, "labels", tuple(labels))
        object.__setattr__(self, "exclusive", frozenset(exclusive))
        if len(set(self.labels)) != len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise ValueError(f"label {twice!r} appears twice in the label space")
        missing = sorted(self.exclusive - set(self.groups))
        if missing:
            raise ValueError(f"exclusive attribute {missing[0]!r} has no label")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def groups(self) -> Mapping[str, npt.NDArray[np.intp]]:
        """Attribute -> the columns of its labels, in order of first appearance."""
        columns: dict[str, list[int]] = {}
        for column, label in enumerate(self.labels):
            columns.setdefault(attribute_of(label), []).append(column)
        return {attribute: np.array(at, dtype=np.intp) for attribute, at in columns.items()}

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes, in order of first appearance."""
        return tuple(self.groups)

    def select(self, columns: npt.ArrayLike) -> LabelSpace:
        """Give the space of some of the columns.

        An attribute that loses a label is no longer exclusive: a product may have the value that
        was dropped, and so none of those left.
        """
        labels = [self.labels[column] for column in np.arange(len(self))[np.asarray(columns)]]
        left = Counter(attribute_of(label) for label in labels)
        whole = {name for name in self.exclusive if left[name] == len(self.groups[name])}
        return LabelSpace(labels, whole)

    def to_dict(self) -> dict[str, Any]:
        """Give the space as what JSON can hold."""
        return {"labels": list(self.labels), "exclusive": sorted(self.exclusive)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LabelSpace:
        """Read what `to_dict` gave."""
        return cls(value["labels"], value["exclusive"])


def find_exclusive(labels: Sequence[str], matrix: LabelMatrix) -> frozenset[str]:
    """Find the attributes of which every known product has exactly one value.

    Parameters
    ----------
    labels : sequence of str
        Labels as `attribute:value`, one a column.
    matrix : ndarray of int8, shape (products, labels)
        Positive 1, negative 0, unknown -1.

    Returns
    -------
    frozenset of str
        Attributes with two values or more, at least one product whose cells of the attribute are
        all known, exactly one positive among them in each such product, and never two in any.
    """
    exclusive = set()
    for attribute, columns in LabelSpace(labels).groups.items():
        cells = matrix[:, columns]
        known = (cells != UNKNOWN).all(axis=1)
        if len(columns) > 1 and known.any():
            positives = (cells == POSITIVE).sum(axis=1)
            if (positives[known] == 1).all() and (positives <= 1).all():
                exclusive.add(attribute)
    return frozenset(exclusive)
