"""The products of a catalogue file, whatever is known of their labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from longtailor.catalog.catalog import Skip
from longtailor.catalog.columns import (
    IMAGE,
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
    """Products with an image.

    Attributes
    ----------
    ids, names : list of str
        Ids, and image paths as they were given.
    paths : list of Path
        Where the images are.
    rows : list of int
        Where in the file each product stands.
    skipped : list of Skip
        Products without a usable image.
    """

    ids: list[str]
    names: list[str]
    paths: list[Path]
    rows: list[int]
    skipped: list[Skip]


def read_products(path: Path, *, images: Path | None = None) -> Products:
    """Read which products a catalogue has, without asking for labels.

    Parameters
    ----------
    path : Path
        A CSV, TSV, JSONL or Parquet file with an `image` column.
    images : Path, optional
        The folder that image paths are relative to. Default: the folder of `path`.

    Raises
    ------
    CatalogError
        If the file is no catalogue, or no product has a usable image.
    """
    table = read_table(path)
    require_product_columns(table)
    table, skipped = without_empty_rows(table)
    ids = read_ids(table)
    names = stripped(table, IMAGE).to_list()
    folder = path.parent if images is None else images
    paths, refused = locate_images(table, folder)
    reasons = {at: (what, reason) for at, what, reason in refused}
    products = Products([], [], [], [], skipped)
    for at, image in enumerate(paths):
        row = int(table.rows[at])
        if image is None:
            what, reason = reasons.get(at, (ids[at], "has no image"))
            skipped.append(Skip(row, what, reason))
            continue
        products.ids.append(ids[at])
        products.names.append(names[at])
        products.paths.append(image)
        products.rows.append(row)
    if not products.ids:
        first = skipped[0]
        raise CatalogError(
            f"{path}: no product has a usable image; row {first.row}: {first.what}: "
            f"{first.reason}. Is the images folder {folder} right (--images)?"
        )
    return products
