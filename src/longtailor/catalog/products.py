"""The products of a catalogue file, whatever is known of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from longtailor.catalog.catalog import IMAGE, TEXT, Skip
from longtailor.catalog.columns import (
    locate_images,
    read_ids,
    require_product_columns,
    stripped,
    without_empty_rows,
)
from longtailor.catalog.tables import read_table
from longtailor.errors import CatalogError


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
    table = read_table(path)
    require_product_columns(table)
    table, skipped = without_empty_rows(table)
    ids = read_ids(table)
    names, texts = stripped(table, IMAGE).to_list(), stripped(table, TEXT).to_list()
    folder = path.parent if images is None else images
    paths, refused = locate_images(table, folder)
    reasons = {at: (what, reason) for at, what, reason in refused}
    products = Products([], [], [], [], [], skipped)
    for at, (image, text) in enumerate(zip(paths, texts, strict=True)):
        row = int(table.rows[at])
        if at in reasons:
            what, reason = reasons[at]
            skipped.append(Skip(row, what, f"{reason}; its text is used" if text else reason))
        elif image is None and not text:
            skipped.append(Skip(row, ids[at], "has neither an image nor a text"))
        if image is None and not text:
            continue
        products.ids.append(ids[at])
        products.names.append(None if image is None else names[at])
        products.paths.append(image)
        products.texts.append(text or None)
        products.rows.append(row)
    if not products.ids:
        first = skipped[0]
        raise CatalogError(
            f"{path}: no product has a usable image or a text; row {first.row}: {first.what}: "
            f"{first.reason}. Is the images folder {folder} right (--images)?"
        )
    return products
