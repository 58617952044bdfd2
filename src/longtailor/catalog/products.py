"""The products of a catalogue file, whatever is known of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog.catalog import IMAGE, TEXT, Skip
from longtailor.catalog.columns import (
    ID,
    locate_images,
    name_products,
    no_id,
    repeated_id,
    require_product_columns,
    stripped,
)
from longtailor.catalog.tables import Table, stream_table
from longtailor.errors import CatalogError

ROW = "row"
_COLUMNS = (ID, IMAGE, TEXT)


@dataclass(frozen=True)
class Products:
    """Products with an image, a text or both.

    Attributes
    ----------
    ids : list of str
    names : list of (str or None)
        Image paths as they were given.
    paths : list of (Path or None)
        Where the images are.
    texts : list of (str or None)
    rows : list of int
        Where in the file each product stands.
    skipped : list of Skip
        Products without an image or a text, and images that cannot be used.
    """

    ids: list[str]
    names: list[str | None]
    paths: list[Path | None]
    texts: list[str | None]
    rows: list[int]
    skipped: list[Skip]


def read_products(path: Path, *, images: Path | None = None) -> Products:
    """Read which products a catalogue has, without asking for labels.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file with an `image` or a `text` column.
    images : Path, optional
        The folder that image paths are relative to. Default: the folder of `path`.

    Raises
    ------
    CatalogError
        If the file is no catalogue, or no product has a usable image or a text.
    """
    folder = path.parent if images is None else images
    products = find_products(pl.concat(list(stream_products(path))), folder)
    if not products.ids:
        raise no_products(path, products.skipped[0], folder)
    return products


def stream_products(path: Path) -> Iterator[pl.DataFrame]:
    """Read which products a catalogue has, in memory that hardly grows with their number.

    It grows by 8 bytes a product, which tell at the end whether all ids differ.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file.

    Yields
    ------
    DataFrame
        The columns `row`, `id`, `image` and `text` of the next products, `""` where a product
        has none. Rows with none of the three are among them, without an id.

    Raises
    ------
    CatalogError
        If the file is no catalogue, or two products have one id.
    """
    seen: set[str] = set()
    unnamed: int | None = None
    hashes: list[npt.NDArray[np.uint64]] = []
    for table, products in _parts(path):
        seen.update(table.columns)
        named = products.filter(pl.col(ID) != "")
        if unnamed is None and ID not in table.columns and len(named):
            unnamed = named[ROW][0]
        if unnamed is not None and ID in seen:
            # A part of a JSONL file has no such column where none of its objects names it.
            raise no_id(table, unnamed)
        hashes.append(named[ID].hash().to_numpy())
        yield products
    if not seen & {IMAGE, TEXT}:
        require_product_columns(next(stream_table(path)))
    everything = np.concatenate(hashes)
    everything.sort()
    again = everything[1:][everything[1:] == everything[:-1]]
    if len(again):
        _refuse_repeated(path, pl.Series(np.unique(again)))


def _parts(path: Path) -> Iterator[tuple[Table, pl.DataFrame]]:
    for table in stream_table(path, _COLUMNS):
        products = pl.DataFrame(
            [
                pl.Series(ROW, table.rows),
                *(stripped(table, name).alias(name) for name in _COLUMNS),
            ]
        )
        filled = products.select(pl.any_horizontal(pl.col(*_COLUMNS) != "")).to_series().to_numpy()
        ids = name_products(table.take(filled))
        named = products.filter(filled).with_columns(ids.alias(ID))
        if not filled.all():
            named = pl.concat([named, products.filter(~filled)]).sort(ROW)
        yield table, named


def _refuse_repeated(path: Path, hashes: pl.Series) -> None:
    """Raise for the first id that is given twice, if it is not only the hash."""
    first: dict[str, int] = {}
    for table, products in _parts(path):
        suspected = (products[ID] != "") & products[ID].hash().is_in(hashes.implode())
        products = products.filter(suspected)
        for row, again in products.select(ROW, ID).iter_rows():
            if again in first:
                raise repeated_id(table, again, first[again], row)
            first[again] = row


def find_products(listed: pl.DataFrame, folder: Path) -> Products:
    """Find the images of products, and tell which products can be used.

    Parameters
    ----------
    listed : DataFrame
        As `stream_products` gives them.
    folder : Path
        The folder that image paths are relative to.

    Raises
    ------
    CatalogError
        If there is no such folder.
    """
    paths, refused = locate_images(listed[IMAGE].to_list(), folder)
    reasons = {at: f"{what}: {reason}" for at, what, reason in refused}
    products = Products([], [], [], [], [], [])
    for at, (row, name, image, text) in enumerate(listed.select(ROW, *_COLUMNS).iter_rows()):
        path = paths[at]
        if at in reasons:
            reason = f"{reasons[at]}; its text is used" if text else reasons[at]
            products.skipped.append(Skip(row, name, reason))
        elif not name:
            products.skipped.append(Skip(row, "row", "has no id, image or text"))
        elif path is None and not text:
            products.skipped.append(Skip(row, name, "has neither an image nor a text"))
        if path is None and not text:
            continue
        products.ids.append(name)
        products.names.append(None if path is None else image)
        products.paths.append(path)
        products.texts.append(text or None)
        products.rows.append(row)
    return products


def no_products(path: Path, first: Skip, folder: Path) -> CatalogError:
    """Make the error of a catalogue without a product that can be used."""
    return CatalogError(
        f"{path}: no product has a usable image or a text; row {first.row}: {first.what}: "
        f"{first.reason}. Is the images folder {folder} right (--images)?"
    )
