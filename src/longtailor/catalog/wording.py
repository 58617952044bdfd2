"""Names in messages: quoted, cut where there are many, the nearest first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_LISTED = 20


def alike(name: str, other: str) -> float:
    """Say how alike two names are, from 0 to 1."""
    return difflib.SequenceMatcher(None, name.casefold(), other.casefold()).ratio()


def nearest(name: str, others: Iterable[str]) -> list[str]:
    """Order names by how alike they are to one, the nearest first."""
    return sorted(others, key=lambda other: -alike(name, other))


def listing(names: Sequence[str]) -> str:
    """Quote names for a message; a long list is cut, and says so."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(map(repr, names[:_LISTED])) + more
