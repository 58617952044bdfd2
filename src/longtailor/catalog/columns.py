"""The columns that say which products a table holds: id, image, text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from longtailor.catalog.catalog import IMAGE, TEXT, Skip
from longtailor.catalog.image_paths import find_images
from longtailor.catalog.tables import Table
from longtailor.catalog.wording import alike, listing, nearest
from longtailor.errors import CatalogError

ID, SPLIT, GROUP = "id", "split", "group"


def stripped(table: Table, column: str) -> pl.Series:
    """Give a column without blanks around its cells; `""` everywhere if there is none."""
    if column not in table.columns:
        return pl.repeat("", len(table.rows), dtype=pl.String, eager=True)
    return table.cells(column).str.strip_chars()


def require_product_columns(table: Table) -> None:
    """Refuse a table that says neither where an image is nor what a text reads."""
    given = [name for name in (IMAGE, TEXT) if name in table.columns]
    if given:
        for name in given:
            table.cells(name)
        return
    found = listing(table.columns)
    if len(table.columns) == 1 and (";" in table.columns[0] or "\t" in table.columns[0]):
        raise CatalogError(
            f"{table.path}: one column only, {table.columns[0]!r}; separate columns by commas in "
            ".csv and by tabs in .tsv"
        )
    near = [
        f"{close[0]!r} to {name!r}"
        for name in (IMAGE, TEXT)
        if (close := nearest(name, table.columns)) and alike(name, close[0]) >= 0.5
    ]
    hint = f"; rename {' or '.join(near)}" if near else ""
    raise CatalogError(f"{table.path}: no column 'image' or 'text'; it has {found}{hint}")


def without_empty_rows(table: Table) -> tuple[Table, list[Skip]]:
    """Leave out rows without any cell, and list them."""
    filled = table.frame.select(
        pl.any_horizontal(pl.all().str.strip_chars() != "").alias("filled")
    )["filled"].to_numpy()
    if not filled.any():
        raise CatalogError(f"{table.path} has no products: every row is empty")
    empty = [Skip(int(row), "row", "empty") for row in table.rows[~filled]]
    return table.take(filled), empty


def read_ids(table: Table) -> list[str]:
    """Give the id of each product: the `id` column, else the image path, else the row."""
    ids = name_products(table)
    twice = ids.is_duplicated()
    if twice.any():
        again = ids[twice.arg_true()[0]]
        first, second, *_ = (ids == again).arg_true()
        raise repeated_id(table, again, table.rows[first], table.rows[second])
    return ids.to_list()


def name_products(table: Table) -> pl.Series:
    """Give ids that may be given twice."""
    if ID in table.columns:
        ids = stripped(table, ID)
        if len(empty := (ids == "").arg_true()):
            raise no_id(table, table.rows[empty[0]])
        return ids
    ids = stripped(table, IMAGE)
    return ids.zip_with(ids != "", pl.Series(table.rows).cast(pl.String))


def no_id(table: Table, row: int) -> CatalogError:
    """Make the error of a product without an id."""
    return CatalogError(
        f"{table.path}, row {row}, column {ID!r}: is empty; give every product an id, or none"
    )


def repeated_id(table: Table, again: str, first: int, second: int) -> CatalogError:
    """Make the error of two products with one id."""
    named = ID in table.columns
    advice = "ids must differ" if named else "add an 'id' column to tell them apart"
    return CatalogError(
        f"{table.path}, column {(ID if named else IMAGE)!r}: rows {first} and {second} "
        f"are both {again!r}; {advice}"
    )


def locate_images(
    names: Sequence[str], folder: Path
) -> tuple[list[Path | None], list[tuple[int, str, str]]]:
    """Find the images: a path or None a product, and (position, what, why) for each refused."""
    if not any(names):
        return [None] * len(names), []
    if not folder.is_dir():
        raise CatalogError(f"the images folder {folder} does not exist; give it with --images")
    paths, refused = find_images(folder, names)
    return paths, [(at, f"image {names[at]!r}", reason) for at, reason in refused]
