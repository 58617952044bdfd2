"""Read a catalogue file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from longtailor.catalog.annotation_file import REVIEW
from longtailor.catalog.annotations import is_reviewed, merge_rows, tell_torn
from longtailor.catalog.catalog import IMAGE, SPLITS, TEXT, VAL, Catalog, Skip
from longtailor.catalog.columns import (
    GROUP,
    ID,
    SPLIT,
    locate_images,
    read_ids,
    require_product_columns,
    stripped,
    without_empty_rows,
)
from longtailor.catalog.fingerprint import fingerprint
from longtailor.catalog.label_cells import (
    TAGS,
    AttributeCells,
    read_column,
    read_tags,
    to_matrix,
    variants,
)
from longtailor.catalog.tables import Table, read_table
from longtailor.catalog.wording import listing, nearest
from longtailor.errors import CatalogError
from longtailor.labels import LabelSpace, LabelStatistics, find_exclusive

RESERVED = (IMAGE, TEXT, ID, SPLIT, GROUP, TAGS)
"""Column names with a meaning; any other may be an attribute."""

_VAL_ALIASES = ("dev", "valid", "validation")


def read_catalog(
    path: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    attributes: Sequence[str] | None = None,
    strict: bool = False,
) -> Catalog:
    """Read a CSV, TSV, JSONL or Parquet catalogue.

    No image is opened. A product whose image is missing or lies outside the images folder is
    skipped and listed, or kept without the image if it has a text.

    Parameters
    ----------
    path : path
        With an `image` or a `text` column or both; optionally `id`, `split` and `group`; and
        either one column an attribute or one `labels` column of `attribute:value` tags.
    images : path, optional
        The folder that image paths are relative to. Default: the folder of `path`.
    attributes : sequence of str, optional
        The attributes to take. Default: all tags, or all columns whose values look like labels.
    strict : bool
        Raise for what would otherwise be skipped and listed.

    Raises
    ------
    CatalogError
        If the file is missing, is no catalogue, or holds no known label.
    """
    path = Path(path)
    table = read_table(path)
    require_product_columns(table)
    if TAGS not in table.columns:
        _refuse_unknown(path, attributes, [c for c in table.columns if _may_be_attribute(c)])
    warnings = [*table.warnings, *_misspelt_columns(table)]

    table, skipped = without_empty_rows(table)
    every, product = table, None
    if is_reviewed(table):
        warnings += tell_torn(path)
        product = merge_rows(table)
        once = np.unique(product, return_index=True)[1]
        table = table.take(np.isin(np.arange(len(product)), once))
    ids = read_ids(table)
    folder = path.parent if images is None else Path(images)
    names = stripped(table, IMAGE).to_list()
    paths, unusable = locate_images(names, folder)
    has_text = (stripped(table, TEXT) != "").to_numpy()
    has_image = np.array([image is not None for image in paths], dtype=np.bool_)
    kept = has_text | has_image
    skipped += _skip(table, unusable, kept)
    if strict and skipped:
        first = min(skipped, key=lambda skip: skip.row)
        raise CatalogError(f"{path}, row {first.row}: {first.what}: {first.reason} (strict)")
    if not kept.any():
        first = min(skipped, key=lambda skip: skip.row)
        raise CatalogError(
            f"{path}: none of the {len(kept)} products can be used; row {first.row}: "
            f"{first.what}: {first.reason}. Is the images folder {folder} right (--images)?"
        )

    table = table.take(kept)
    if product is None:
        every = table
    else:
        every, product = every.take(kept[product]), (np.cumsum(kept) - 1)[product[kept[product]]]
    split, split_warnings = _read_split(table)
    group = np.array(stripped(table, GROUP).to_list(), dtype=np.str_)
    cells, label_warnings = _read_labels(every, attributes, product)
    labels, matrix = to_matrix(path, len(table.rows), cells)
    warnings += [*split_warnings, *label_warnings, *_always_positive(labels, matrix)]

    at = np.flatnonzero(kept)
    texts = stripped(table, TEXT).to_list()
    taken_images = tuple(paths[i] for i in at)
    taken_ids = tuple(ids[i] for i in at)
    names = stripped(table, IMAGE).to_list()
    return Catalog(
        ids=taken_ids,
        images=taken_images,
        texts=tuple(text or None for text in texts),
        matrix=matrix,
        space=LabelSpace(labels, find_exclusive(labels, matrix)),
        split=split,
        group=group,
        rows=table.rows,
        source=path,
        skipped=tuple(sorted(skipped, key=lambda skip: skip.row)),
        warnings=tuple(warnings),
        fingerprint=fingerprint(
            ids=taken_ids,
            images=[n if p else "" for n, p in zip(names, taken_images, strict=True)],
            texts=texts,
            labels=labels,
            matrix=matrix,
            split=split,
            group=group,
        ),
        folder=folder,
    )


def _may_be_attribute(name: str) -> bool:
    return name not in RESERVED and not name.startswith(REVIEW)


def _refuse_unknown(path: Path, wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    if not known:
        raise CatalogError(
            f"{path} has no attribute: add one column an attribute, or a 'labels' column of "
            "attribute:value tags"
        )
    if wanted is not None and not wanted:
        raise CatalogError(f"{path}: no attribute is picked; it has {listing(known)}")
    for name in wanted or ():
        if name not in known:
            raise CatalogError(
                f"{path} has no attribute {name!r}; it has {listing(nearest(name, known))}"
            )


def _misspelt_columns(table: Table) -> list[str]:
    return [
        f"column {name!r} is not read as {name.lower()!r}; write it in small letters if it is meant"
        for name in table.columns
        if name not in RESERVED and name.lower() in RESERVED and name.lower() not in table.columns
    ]


def _skip(
    table: Table, unusable: Sequence[tuple[int, str, str]], kept: npt.NDArray[np.bool_]
) -> list[Skip]:
    skips = [
        Skip(int(table.rows[at]), what, f"{reason}; kept for its text" if kept[at] else reason)
        for at, what, reason in unusable
    ]
    listed = {at for at, _, _ in unusable}
    skips += [
        Skip(int(table.rows[at]), "product", "has neither an image nor a text")
        for at in np.flatnonzero(~kept)
        if at not in listed
    ]
    return skips


def _read_split(table: Table) -> tuple[npt.NDArray[np.str_], list[str]]:
    cells = stripped(table, SPLIT)
    warnings = []
    for value in cells.unique(maintain_order=True):
        if value in _VAL_ALIASES:
            warnings.append(f"column {SPLIT!r}: {value!r} is read as {VAL!r}")
        elif value and value not in SPLITS:
            raise table.error(
                (cells == value).arg_true()[0],
                SPLIT,
                f"{value!r} is no split; use {', '.join(SPLITS)} or leave it empty",
            )
    cells = cells.replace(dict.fromkeys(_VAL_ALIASES, VAL))
    return np.array(cells.to_list(), dtype="U5"), warnings


def _read_labels(
    table: Table, wanted: Sequence[str] | None, product: npt.NDArray[np.intp] | None
) -> tuple[list[AttributeCells], list[str]]:
    if TAGS in table.columns:
        tagged, tag_warnings = read_tags(table, product=product)
        if not tagged:
            raise CatalogError(f"{table.path}, column {TAGS!r}: holds no tag")
        _refuse_unknown(table.path, wanted, [cells.name for cells in tagged])
        attributes = [cells for cells in tagged if wanted is None or cells.name in wanted]
        warnings = list(tag_warnings)
    else:
        attributes, warnings = _read_columns(table, wanted, product)
    valued = [cells for cells in attributes if cells.values]
    if not valued:
        raise CatalogError(
            f"{table.path}: no label is known; every cell of "
            f"{listing([cells.name for cells in attributes])} is unknown or none"
        )
    for cells in attributes:
        warnings += cells.warnings
        if not cells.values:
            warnings.append(f"attribute {cells.name!r} has no value and is left out")
    for same in variants(cells.name for cells in valued):
        warnings.append(
            f"the attributes {' and '.join(map(repr, same))} differ by case or blanks only; "
            "they are kept apart"
        )
    return valued, warnings


def _read_columns(
    table: Table, wanted: Sequence[str] | None, product: npt.NDArray[np.intp] | None
) -> tuple[list[AttributeCells], list[str]]:
    names = [name for name in table.columns if _may_be_attribute(name)]
    if wanted is not None:
        return [read_column(table, name, product) for name in names if name in wanted], []
    attributes, warnings = [], []
    for name in names:
        if name in table.nested:
            warnings.append(f"column {name!r} is left out: it holds {table.nested[name]}")
            continue
        cells = read_column(table, name, product)
        if cells.is_label_like:
            attributes.append(cells)
        else:
            warnings.append(
                f"column {name!r} is left out: {len(cells.values)} different values in "
                f"{cells.known.sum()} products are hardly labels; pick it with --attributes if "
                "they are"
            )
    if not attributes:
        raise CatalogError(f"{table.path} has no attribute: {'; '.join(warnings)}")
    return attributes, warnings


def _always_positive(labels: Sequence[str], matrix: npt.NDArray[np.int8]) -> list[str]:
    counts = LabelStatistics.from_matrix(matrix)
    return [
        f"label {labels[i]!r} is positive in every product where it is known; it cannot be learned"
        for i in np.flatnonzero((counts.negative == 0) & (counts.positive > 0)).tolist()
    ]
