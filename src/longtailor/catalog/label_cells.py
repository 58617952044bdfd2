"""Label cells of a table, in either form, as a label matrix."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

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
NOT = "!"
"""Before a value: known not to have it."""

_ESCAPED = r"^\\(\\*[!?\-])"

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
    products, codes : ndarray of int, shape (named,)
        Each cell that is named: the position of its product, and of its value in `values`.
    cells : ndarray of int8, shape (named,)
        What is said of it: positive 1, negative 0, unknown -1.
    known : ndarray of bool, shape (products,)
        Whether the values that are not named are negative; else they are unknown.
    warnings : tuple of str
    """

    name: str
    values: tuple[str, ...]
    products: npt.NDArray[np.intp]
    codes: npt.NDArray[np.intp]
    cells: npt.NDArray[np.int8]
    known: npt.NDArray[np.bool_]
    warnings: tuple[str, ...] = ()

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """The products of which any value is known, shape (products,)."""
        told = self.known.copy()
        told[self.products[self.cells != UNKNOWN]] = True
        return told

    def fill(self, block: LabelMatrix, columns: npt.NDArray[np.intp]) -> None:
        """Write what is said into a label matrix.

        Parameters
        ----------
        block : ndarray of int8, shape (products, labels)
            The cells of the attribute, changed in place; what is not said stays.
        columns : ndarray of int, shape (values,)
            The column of each of `values`; -1 where there is none.
        """
        block[self.known] = NEGATIVE
        at = columns[self.codes]
        inside = at >= 0
        block[self.products[inside], at[inside]] = self.cells[inside]

    @property
    def is_label_like(self) -> bool:
        """False for free text and measures, which are different in almost every product."""
        if len(self.values) <= _MANY_VALUES:
            return True
        numbers = pl.Series(self.values).cast(pl.Float64, strict=False)
        return bool(2 * len(self.values) <= self.told.sum()) and numbers.null_count() > 0


def read_column(
    table: Table, name: str, product: npt.NDArray[np.intp] | None = None
) -> AttributeCells:
    r"""Read the column of one attribute.

    Values are separated by `|`; an empty cell or `?` is unknown, `-` is known to be none. `!value`
    is known not to have that value: in a cell with one, or with a `?` beside values, what is not
    named is unknown. A backslash before `!`, `?` or `-` makes it part of a value.

    Parameters
    ----------
    table : Table
    name : str
    product : ndarray of int, shape (rows,), optional
        The position of each row's product, where products have several rows. The rows are then
        merged in order (see `merge`), and `?value` takes back what earlier rows said of a value.

    Raises
    ------
    CatalogError
        If a cell contradicts itself, or `name` cannot name an attribute.
    """
    if ":" in name or VALUES in name:
        raise CatalogError(
            f"{table.path}, column {name!r}: an attribute's name cannot hold ':' or '|'; rename "
            "the column, or leave it out with --attributes"
        )
    rows, values, warnings = _split(table, name)
    none, unsure = (values == NONE).to_numpy(), (values == UNSURE).to_numpy()
    without = values.str.starts_with(NOT).to_numpy()
    withdrawn = values.str.starts_with(UNSURE).to_numpy() & ~unsure & (product is not None)
    named = values
    if (without | withdrawn).any():
        named = values.zip_with(
            ~pl.Series(without | withdrawn), values.str.slice(1).str.strip_chars()
        )
    if (bare := (named == "").arg_true()).len():
        raise table.error(
            int(rows[bare[0]]), name, f"{NOT!r} stands alone; write {NOT}value, without a blank"
        )
    marks = _Marks(
        rows,
        named.str.replace(_ESCAPED, "$1") if named.str.starts_with("\\").any() else named,
        np.select([without, withdrawn], [NEGATIVE, UNKNOWN], POSITIVE).astype(np.int8),
        none,
        unsure,
    )
    cells = _attribute(table, name, name, marks, product, known=False)
    if product is None and without.any():
        warnings += _unlike_marks(name, marks)
    return replace(cells, warnings=warnings + cells.warnings)


def read_tags(
    table: Table, column: str = TAGS, product: npt.NDArray[np.intp] | None = None
) -> tuple[list[AttributeCells], tuple[str, ...]]:
    """Read a column of `attribute:value` tags separated by `|`.

    A tag that is absent is negative; `attribute:?` says that the attribute is unknown for the
    product, and a cell of a single `?` that all are.

    Parameters
    ----------
    table : Table
    column : str
    product : ndarray of int, shape (rows,), optional
        As for `read_column`.

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
        none, unsure = ((part["value"] == mark).to_numpy() for mark in (NONE, UNSURE))
        marks = _Marks(
            part["product"].to_numpy(),
            part["value"],
            np.full(len(part), POSITIVE, dtype=np.int8),
            none,
            unsure,
        )
        attributes.append(_attribute(table, column, str(name), marks, product, known=~all_unknown))
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
    matrix = np.full((products, len(labels)), UNKNOWN, dtype=np.int8)
    start = 0
    for cells in attributes:
        width = len(cells.values)
        cells.fill(matrix[:, start : start + width], np.arange(width))
        start += width
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


@dataclass(frozen=True, eq=False)
class _Marks:
    """What stands in the cells of an attribute, one item a value or mark, in order of the rows."""

    rows: npt.NDArray[np.intp]
    values: pl.Series
    cells: npt.NDArray[np.int8]
    none: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]


def _unlike_marks(name: str, marks: _Marks) -> tuple[str, ...]:
    """Warn of `!value` where no product has the value: the mark may be part of it."""
    plain = ~(marks.none | marks.unsure)
    positive = marks.cells == POSITIVE
    found = set(marks.values.filter(pl.Series(plain & positive)).unique())
    return tuple(
        f"attribute {name!r}: {NOT + value!r} is read as known not to be {value!r}, which no "
        f"product has; write \\{NOT}{value} if the value begins with {NOT!r}"
        for value in marks.values.filter(pl.Series(plain & ~positive)).unique().sort()
        if value not in found
    )


def _attribute(
    table: Table,
    column: str,
    name: str,
    marks: _Marks,
    product: npt.NDArray[np.intp] | None,
    *,
    known: npt.NDArray[np.bool_] | bool,
) -> AttributeCells:
    count = len(table.rows)
    named = ~(marks.none | marks.unsure)
    has_none, has_unsure, has_value, has_mark = (
        np.bincount(marks.rows[which], minlength=count) > 0
        for which in (marks.none, marks.unsure, named, named & (marks.cells != POSITIVE))
    )
    # Tags name all values that a product has, so that there an unknown attribute has none.
    torn = has_none & (has_unsure | has_value)
    if column == TAGS:
        torn |= has_unsure & has_value
    if torn.any():
        at = int(torn.argmax())
        raise table.error(
            at,
            column,
            f"attribute {name!r} is marked {(UNSURE if has_unsure[at] else NONE)!r} and has "
            f"{'a value' if has_value[at] else 'another mark'} as well",
        )
    said = pl.DataFrame({"row": marks.rows, "value": marks.values, "cell": marks.cells})
    if not named.all():
        said = said.filter(pl.Series(named))
    if has_mark.any():
        said = said.unique(maintain_order=True)
        _refuse_contradictions(table, column, name, said)
    known = (known | has_none | has_value) & ~(has_unsure | has_mark)
    if product is None:
        said = said.rename({"row": "product"})
    else:
        said, known = merge(said, known, has_none, product)
    if (said["cell"] == UNKNOWN).any():
        found = said.filter(pl.col("cell") != UNKNOWN)["value"].unique().sort()
        said = said.filter(pl.col("value").is_in(found.implode()))
    else:
        found = said["value"].unique().sort()
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
    return AttributeCells(
        name,
        tuple(found),
        said["product"].to_numpy().astype(np.intp),
        said["value"].cast(pl.Enum(found)).to_physical().to_numpy().astype(np.intp),
        said["cell"].to_numpy(),
        known,
        warnings,
    )


def merge(
    said: pl.DataFrame,
    known: npt.NDArray[np.bool_],
    none: npt.NDArray[np.bool_],
    product: npt.NDArray[np.intp],
) -> tuple[pl.DataFrame, npt.NDArray[np.bool_]]:
    """Merge what several rows say of an attribute of the same products, in order.

    What a later row says of a value takes the place of what earlier rows said by its name. A row
    that says more than it names (`puff`: no other value) says so until none of its values is left;
    `-` names none and stays until another such row.

    Parameters
    ----------
    said : DataFrame
        `row`, `value` and `cell` (1, 0, -1) of all that is named.
    known : ndarray of bool, shape (rows,)
        Rows in which what is not named is negative.
    none : ndarray of bool, shape (rows,)
        Rows known to have none of the values.
    product : ndarray of int, shape (rows,)

    Returns
    -------
    said : DataFrame
        `product`, `value`, `cell`; each value once a product.
    known : ndarray of bool, shape (products,)
    """
    products = int(product.max(initial=-1)) + 1
    said = said.with_columns(product=pl.Series(product[said["row"].to_numpy()]))
    last = said.unique(["product", "value"], keep="last", maintain_order=True)
    live = none.copy()
    live[last.filter(pl.col("cell") == POSITIVE)["row"].to_numpy()] = True
    whole = np.flatnonzero(known & live)
    since = np.full(products, -1)
    np.maximum.at(since, product[whole], whole)
    last = last.with_columns(since=pl.Series(since[last["product"].to_numpy()]))
    # What is taken back is unknown again, unless a row that did not name it says that it is not.
    naming = said.select("product", "value", since="row", naming=True)
    kept = last.join(
        naming, on=["product", "value", "since"], how="left", maintain_order="left"
    ).filter(
        pl.col("row") >= pl.col("since"),
        (pl.col("cell") != UNKNOWN) | (pl.col("since") < 0) | pl.col("naming").is_not_null(),
    )
    return kept.select("product", "value", "cell"), since >= 0


def _refuse_contradictions(table: Table, column: str, name: str, said: pl.DataFrame) -> None:
    twice = said.filter(pl.struct("row", "value").is_duplicated())
    if len(twice):
        row, value = twice.row(0)[:2]
        raise table.error(
            row, column, f"attribute {name!r} says of {value!r} different things; leave one"
        )
