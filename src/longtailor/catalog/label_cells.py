"""Label cells of a table, in either form, as a label matrix."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog.tables import VALUES, Table
from longtailor.errors import CatalogError
from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, label_name

TAGS = "labels"
"""The column that holds `attribute:value` tags, where there is one."""

NONE, UNSURE = "-", "?"
"""A cell's marks for "has none of the values" and "unknown"."""

_MANY_VALUES = 50
_BLANK_LIKE = frozenset(("na", "n/a", "#n/a", "nan", "null", "unknown", "<na>"))
_LARGEST_MATRIX = 8 * 2**30


@dataclass(frozen=True)
class AttributeCells:
    """What a table says of one attribute.

    Attributes
    ----------
    name : str
    values : tuple of str
        Sorted.
    products, codes : ndarray of int, shape (positives,)
        Each positive cell: the position of its product, and of its value in `values`.
    known : ndarray of bool, shape (products,)
    warnings : tuple of str
    """

    name: str
    values: tuple[str, ...]
    products: npt.NDArray[np.intp]
    codes: npt.NDArray[np.intp]
    known: npt.NDArray[np.bool_]
    warnings: tuple[str, ...] = ()

    @property
    def is_label_like(self) -> bool:
        """False for free text and measures, which are different in almost every product."""
        if len(self.values) <= _MANY_VALUES:
            return True
        numbers = pl.Series(self.values).cast(pl.Float64, strict=False)
        return bool(2 * len(self.values) <= self.known.sum()) and numbers.null_count() > 0


def read_column(table: Table, name: str) -> AttributeCells:
    """Read the column of one attribute.

    Values are separated by `|`; an empty cell or `?` is unknown, `-` is known to be none.

    Raises
    ------
    CatalogError
        If a cell holds a mark and a value at once, or `name` cannot name an attribute.
    """
    if ":" in name or VALUES in name:
        raise CatalogError(
            f"{table.path}, column {name!r}: an attribute's name cannot hold ':' or '|'; rename "
            "the column, or leave it out with --attributes"
        )
    products, values, warnings = _split(table, name)
    cells = _attribute(table, name, name, products, values, known=False)
    return AttributeCells(**{**vars(cells), "warnings": warnings + cells.warnings})


def read_tags(table: Table, column: str = TAGS) -> tuple[list[AttributeCells], tuple[str, ...]]:
    """Read a column of `attribute:value` tags separated by `|`.

    A tag that is absent is negative; `attribute:?` says that the attribute is unknown for the
    product, and a cell of a single `?` that all are.

    Returns
    -------
    attributes : list of AttributeCells
        In order of first appearance.
    warnings : tuple of str

    Raises
    ------
    CatalogError
        If a tag has no attribute or no value, or a product has both `a:?` and `a:x`.
    """
    products, tags, warnings = _split(table, column)
    all_unknown = np.zeros(len(table.rows), dtype=np.bool_)
    unsure = (tags == UNSURE).to_numpy()
    all_unknown[products[unsure]] = True
    mixed = all_unknown & (np.bincount(products, minlength=len(all_unknown)) > 1)
    if mixed.any():
        raise table.error(
            int(mixed.argmax()), column, f"holds {UNSURE!r}, all unknown, and other tags as well"
        )
    products, tags = products[~unsure], tags.filter(pl.Series(~unsure))
    halves = tags.str.splitn(":", 2).struct.unnest()
    names, values = (halves.to_series(i).str.strip_chars() for i in (0, 1))
    broken = (values.is_null() | (values == "") | (names == "")).arg_true()
    if len(broken):
        raise table.error(
            int(products[broken[0]]),
            column,
            f"the tag {tags[broken[0]]!r} is not of the form attribute:value",
        )
    long = pl.DataFrame({"product": products, "attribute": names, "value": values})
    attributes = []
    for (name,), part in long.group_by("attribute", maintain_order=True):
        attributes.append(
            _attribute(
                table,
                column,
                str(name),
                part["product"].to_numpy(),
                part["value"],
                known=~all_unknown,
            )
        )
    return attributes, warnings


def to_matrix(
    path: object, products: int, attributes: Sequence[AttributeCells]
) -> tuple[tuple[str, ...], LabelMatrix]:
    """Lay attributes side by side as labels.

    Returns
    -------
    labels : tuple of str
    matrix : ndarray of int8, shape (products, labels)

    Raises
    ------
    CatalogError
        If the matrix would not fit in memory.
    """
    labels = tuple(label_name(cells.name, value) for cells in attributes for value in cells.values)
    if products * len(labels) > _LARGEST_MATRIX:
        most = max(attributes, key=lambda cells: len(cells.values))
        raise CatalogError(
            f"{path}: {products} products x {len(labels)} labels are too many; {most.name!r} alone "
            f"has {len(most.values)} values. Leave it out with --attributes"
        )
    matrix = np.empty((products, len(labels)), dtype=np.int8)
    start = 0
    for cells in attributes:
        block = matrix[:, start : start + len(cells.values)]
        block[:] = np.where(cells.known, NEGATIVE, UNKNOWN)[:, None]
        block[cells.products, cells.codes] = POSITIVE
        start += len(cells.values)
    return labels, matrix


def variants(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Find names that differ from each other by case or blanks only."""
    alike: dict[str, list[str]] = {}
    for name in names:
        key = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        alike.setdefault(key, []).append(name)
    return [tuple(same) for same in alike.values() if len(same) > 1]


def _split(table: Table, column: str) -> tuple[npt.NDArray[np.intp], pl.Series, tuple[str, ...]]:
    parts = pl.DataFrame(
        {"product": np.arange(len(table.rows)), "value": table.cells(column).str.split(VALUES)}
    ).explode("value")
    values = parts["value"].str.strip_chars()
    padded = int((values != parts["value"]).sum())
    filled = values != ""
    products = parts["product"].to_numpy()
    several = np.bincount(products) > 1
    gaps = int((~filled.to_numpy() & several[products]).sum())
    warnings = []
    if padded:
        warnings.append(f"column {column!r}: blanks around {padded} values were removed")
    if gaps:
        warnings.append(f"column {column!r}: {gaps} empty values beside a {VALUES!r} were ignored")
    return products[filled.to_numpy()], values.filter(filled), tuple(warnings)


def _attribute(
    table: Table,
    column: str,
    name: str,
    products: npt.NDArray[np.intp],
    values: pl.Series,
    *,
    known: npt.NDArray[np.bool_] | bool,
) -> AttributeCells:
    count = len(table.rows)
    none, unsure = (values == NONE).to_numpy(), (values == UNSURE).to_numpy()
    positive = ~(none | unsure)
    has_none, has_unsure, has_value = (
        np.bincount(products[which], minlength=count) > 0 for which in (none, unsure, positive)
    )
    torn = has_none.astype(int) + has_unsure + has_value > 1
    if torn.any():
        at = int(torn.argmax())
        raise table.error(
            at,
            column,
            f"attribute {name!r} is marked {(UNSURE if has_unsure[at] else NONE)!r} and has "
            f"{'a value' if has_value[at] else 'another mark'} as well",
        )
    labels = values.filter(pl.Series(positive))
    found = labels.unique().sort()
    codes = labels.cast(pl.Enum(found)).to_physical().to_numpy().astype(np.intp)
    warnings = tuple(
        f"attribute {name!r}: the values {' and '.join(map(repr, same))} differ by case or "
        "blanks only; they are kept apart"
        for same in variants(found)
    )
    warnings += tuple(
        f"attribute {name!r}: the value {value!r} is read as a label; leave the cell empty if it "
        "means that the value is unknown"
        for value in found
        if value.casefold() in _BLANK_LIKE
    )
    known = (known | has_none | has_value) & ~has_unsure
    return AttributeCells(name, tuple(found), products[positive], codes, known, warnings)
