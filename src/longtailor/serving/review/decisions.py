"""What was decided so far, by whoever appends to the file."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from longtailor.catalog.annotation_file import DECISION, LABEL, TIME, AnnotationFile
from longtailor.catalog.catalog import IMAGE, TEXT
from longtailor.catalog.columns import GROUP, ID, SPLIT
from longtailor.catalog.label_cells import NOT, TAGS, UNSURE
from longtailor.errors import UsageError
from longtailor.labels import LabelSpace, attribute_of, value_of

Decision = Literal["yes", "no", "skip"]
YES, NO, SKIP, UNDO = "yes", "no", "skip", "undo"
_MARK = re.compile(r"^(?=\\*[!?]|\\+-|-$)")


class ChangedError(Exception):
    """Somebody else decided in between."""


class Decisions:
    """The last decision on each product and label, kept in step with the file.

    Parameters
    ----------
    file : AnnotationFile
    space : LabelSpace
    keys : sequence of dict
        For each product what a row says of it: some of `id`, `image` and `text`.

    Attributes
    ----------
    foreign : int
        Rows of the file that are no decision on a product and label at hand. They count where the
        file is fitted to all the same.

    Raises
    ------
    UsageError
        If an attribute has the name of a column that means something else, or products cannot be
        told apart.
    """

    def __init__(
        self, file: AnnotationFile, space: LabelSpace, keys: Sequence[dict[str, str]]
    ) -> None:
        for name in space.attributes:
            if name in (ID, IMAGE, TEXT, SPLIT, GROUP, TAGS) or "|" in name or not name:
                raise UsageError(
                    f"the attribute {name!r} cannot be reviewed: no column of decisions can be "
                    "named so"
                )
        self.file = file
        self.space = space
        self.foreign = 0
        self._keys = keys
        self._column = {label: at for at, label in enumerate(space.labels)}
        self._product = {_identity(key): at for at, key in enumerate(keys)}
        if len(self._product) < len(keys):
            raise UsageError(
                "some products have the same text and no id, so that decisions could not be told "
                "apart: give the catalogue a column 'id'"
            )
        self._last: dict[int, dict[int, tuple[int, str]]] = {}
        self._read = 0
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    def of(self, label: int) -> dict[int, str]:
        """Give the decision on each product that has one of a label.

        Of an exclusive attribute, yes to one value is no to those decided on before.
        """
        with self._lock:
            self._refresh()
            return dict(self._of(label))

    def counts(self) -> dict[int, Counter[str]]:
        """Count the decisions of each label."""
        with self._lock:
            self._refresh()
            return {label: Counter(self._of(label).values()) for label in self._last}

    def decide(self, product: int, label: int, decision: Decision) -> None:
        """Keep a decision; it is on the disk when this returns."""
        with self._lock:
            self._append(product, label, decision, decision)
            self._refresh()

    def undo(self, product: int, label: int, expected: str, before: Decision | None) -> None:
        """Bring back what was decided before.

        Raises
        ------
        ChangedError
            If the decision is no longer the one expected.
        """
        with self._lock:
            self._refresh()
            if self._own(product, label) != expected:
                raise ChangedError
            self._append(product, label, before, SKIP if before == SKIP else UNDO)
            self._refresh()

    def _own(self, product: int, label: int) -> str | None:
        return self._last.get(label, {}).get(product, (0, None))[1]

    def _of(self, label: int) -> dict[int, str]:
        own = self._last.get(label, {})
        name = attribute_of(self.space.labels[label])
        if name not in self.space.exclusive:
            return {product: decision for product, (_, decision) in own.items()}
        others = [self._last.get(int(at), {}) for at in self.space.groups[name]]
        found = {}
        for product, (at, decision) in own.items():
            since = max(
                (other[product][0] for other in others if other.get(product, (0, ""))[1] == YES),
                default=0,
            )
            found[product] = NO if at < since else decision
        return found

    def _append(self, product: int, label: int, cell: Decision | None, decision: str) -> None:
        name = self.space.labels[label]
        self.file.append(
            {
                **self._keys[product],
                attribute_of(name): self._cell(name, cell),
                DECISION: decision,
                LABEL: name,
                TIME: datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )

    def _cell(self, label: str, decision: Decision | None) -> str:
        value = _MARK.sub(r"\\", value_of(label))
        if decision == YES:
            return value if attribute_of(label) in self.space.exclusive else f"{value}|{UNSURE}"
        return f"{NOT}{value}" if decision == NO else f"{UNSURE}{value}"

    def _refresh(self) -> None:
        records, afresh = self.file.news()
        if afresh:
            self._last, self._read, self.foreign = {}, 0, 0
        for record in records:
            self._read += 1
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        label = self._column.get(str(record.get(LABEL)))
        product = self._product.get(_identity(record))
        if label is None or product is None:
            self.foreign += 1
            return
        decision = record.get(DECISION)
        if decision == UNDO:
            cell = str(record.get(attribute_of(self.space.labels[label]), ""))
            decision = NO if cell.startswith(NOT) else None if cell.startswith(UNSURE) else YES
        if decision in (YES, NO, SKIP):
            self._last.setdefault(label, {})[product] = (self._read, str(decision))
        else:
            self._last.get(label, {}).pop(product, None)


def _identity(key: dict[str, Any]) -> tuple[str, str]:
    kind = next((kind for kind in (ID, IMAGE, TEXT) if key.get(kind)), ID)
    return kind, str(key.get(kind, ""))
