"""Decisions of reviewers: rows that are merged by product, and laid over a catalogue."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog.annotation_file import DECISION, REVIEW, torn_line
from longtailor.catalog.catalog import IMAGE, TEXT, Catalog, Skip
from longtailor.catalog.columns import GROUP, ID, SPLIT, locate_images, stripped, without_empty_rows
from longtailor.catalog.label_cells import TAGS, AttributeCells, read_column, read_tags
from longtailor.catalog.tables import Table, read_table
from longtailor.errors import CatalogError
from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, label_name

_NO_ATTRIBUTES = (ID, IMAGE, TEXT, SPLIT, GROUP, TAGS)
_KIND = "\0"


@dataclass(frozen=True, eq=False)
class Annotations:
    """What decisions say of a catalogue's products, and of others.

    Attributes
    ----------
    path : Path
    sha256 : str
        Of the file.
    rows : int
        Rows of the file.
    matrix : ndarray of int8, shape (products, labels)
        Of the catalogue, with what is decided in place of what was there.
    decided : ndarray of bool, shape (products,)
        Products of the catalogue of which something is decided.
    joining : Catalog or None
        Products that the catalogue does not have, in its label space; their rows are those of the
        file of decisions.
    skipped : tuple of Skip
        What was left out.
    warnings : tuple of str
    """

    path: Path
    sha256: str
    rows: int
    matrix: LabelMatrix
    decided: npt.NDArray[np.bool_]
    joining: Catalog | None
    skipped: tuple[Skip, ...]
    warnings: tuple[str, ...]


def is_reviewed(table: Table) -> bool:
    """Say whether a table is a file of decisions, whose rows of one product are merged."""
    return DECISION in table.columns


def tell_torn(path: Path) -> tuple[str, ...]:
    """Warn of an unfinished last line in a JSONL file."""
    line = torn_line(path) if path.suffix.lower() in (".jsonl", ".ndjson") else None
    if line is None:
        return ()
    return (f"{path}, row {line}: the last line is unfinished, as a crash leaves it; not read",)


def merge_rows(table: Table) -> npt.NDArray[np.intp]:
    """Give rows the number of their product, in order of appearance: by id, else image, else text.

    Raises
    ------
    CatalogError
        If two rows of one product differ in image or text.
    """
    ids, images, texts = (stripped(table, name) for name in (ID, IMAGE, TEXT))
    # No two kinds of key are ever the same.
    key = pl.select(
        pl.when(ids != "")
        .then(ids)
        .when(images != "")
        .then(pl.concat_str([pl.lit("image" + _KIND), images]))
        .otherwise(pl.concat_str([pl.lit("text" + _KIND), texts]))
    ).to_series()
    _, first, inverse = np.unique(key.to_numpy(), return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    product_of: npt.NDArray[np.intp] = rank[inverse].astype(np.intp)
    firsts = np.sort(first)
    for name, cells in ((IMAGE, images), (TEXT, texts)):
        differs = ((cells != cells.gather(firsts[product_of])) & (cells != "")).arg_true()
        if len(differs):
            at = int(differs[0])
            raise table.error(
                at,
                name,
                f"product {key[at].rpartition(_KIND)[2]!r} has another {name} in row "
                f"{table.rows[firsts[product_of[at]]]}",
            )
    return product_of


def lay_over(catalog: Catalog, path: str | os.PathLike[str]) -> Annotations:
    """Lay a file of decisions over a catalogue.

    A row belongs to the product of its id; if there is no such id or it has none, to that of its
    image; else, to that of its text. What the rows of one product say of a label is merged in
    order. What they do not say stays as the catalogue has it. Of an exclusive attribute a product
    has one value: deciding for one decides against the others, and deciding against the one it
    had leaves the others unknown.

    Parameters
    ----------
    catalog : Catalog
    path : path
        A catalogue file with some of the catalogue's attributes; image paths are relative to the
        catalogue's images folder.

    Raises
    ------
    CatalogError
        If the file cannot be read as one.
    """
    path = Path(path)
    if path.is_file() and not path.stat().st_size:
        # A review that was opened, and no more.
        nobody = np.zeros(len(catalog), dtype=np.bool_)
        nothing = hashlib.sha256().hexdigest()
        return Annotations(
            path, nothing, 0, catalog.matrix, nobody, None, (), (f"{path} holds no decision yet",)
        )
    whole = read_table(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    warnings = [*tell_torn(path), *whole.warnings]
    table, skipped = without_empty_rows(whole)
    if not any(name in table.columns for name in (ID, IMAGE, TEXT)):
        raise CatalogError(
            f"{path}: no column 'id', 'image' or 'text' says which products it is of"
        )
    found = _find(table, merge_rows(table), catalog)
    skipped += found.skipped
    said, more, notes = _said(table, found.product, catalog)
    skipped += more
    warnings += notes
    told = (said != UNKNOWN).any(axis=1)
    known, joins = np.flatnonzero(found.inside & told), np.flatnonzero(found.joins & told)
    matrix = catalog.matrix.copy()
    at = found.at[known]
    matrix[at] = _over(catalog, matrix[at], said[known])
    decided = np.zeros(len(catalog), dtype=np.bool_)
    decided[at] = True
    joining = None
    if len(joins):
        joining = replace(
            catalog,
            ids=tuple(found.ids[i] for i in joins),
            images=tuple(found.images[i] for i in joins),
            texts=tuple(found.texts[i] for i in joins),
            matrix=_over(catalog, np.full_like(said[joins], UNKNOWN), said[joins]),
            split=np.full(len(joins), "", dtype="U5"),
            group=np.full(len(joins), "", dtype=np.str_),
            rows=found.rows[joins],
            skipped=(),
            warnings=(),
        )
    return Annotations(
        path,
        digest,
        len(table.rows),
        matrix,
        decided,
        joining,
        tuple(Skip(one.row, f"{path.name}: {one.what}", one.reason) for one in skipped),
        tuple(warnings),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """The products that rows are of, each once: those of the catalogue, and others.

    `product` gives the place of each row's product in all other fields.
    """

    product: npt.NDArray[np.intp]
    at: npt.NDArray[np.intp]
    joins: npt.NDArray[np.bool_]
    ids: list[str]
    images: list[Path | None]
    texts: list[str | None]
    rows: npt.NDArray[np.int64]
    skipped: list[Skip]

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Those of the catalogue."""
        return np.asarray(self.at >= 0)


def _find(table: Table, product: npt.NDArray[np.intp], catalog: Catalog) -> _Found:
    first = np.unique(product, return_index=True)[1]
    ids, names, texts = (
        stripped(table, name).gather(first).to_list() for name in (ID, IMAGE, TEXT)
    )
    folder = (catalog.folder or Path()).absolute()
    by_id = {name: at for at, name in enumerate(catalog.ids)}
    by_image, by_text = _positions(catalog.images), _positions(catalog.texts)
    at = np.full(len(first), -1, dtype=np.intp)
    skipped, refused = [], np.zeros(len(first), dtype=np.bool_)
    for i, (own, name, text) in enumerate(zip(ids, names, texts, strict=True)):
        image = folder / name if name else None
        reason = None
        if own in by_id:
            at[i] = by_id[own]
            there = catalog.images[at[i]]
            if image is not None and there is not None and there != image:
                reason = f"the catalogue's product of this id has another image, {there}"
        elif image in by_image or (not name and text in by_text):
            places = by_image[image] if name else by_text[text]
            at[i] = places[0]
            if len(places) > 1:
                reason = f"{len(places)} products have it; say which by id"
        if reason:
            at[i], refused[i] = -1, True
            skipped.append(Skip(int(table.rows[first[i]]), own or name or text, reason))

    # A product may go by its id in one row and by its image in another.
    unit = np.where(at >= 0, at, len(catalog) + np.arange(len(first)))
    _, representative, merged = np.unique(unit, return_index=True, return_inverse=True)
    others = np.flatnonzero((at < 0) & ~refused)
    paths: dict[int, Path | None] = {}
    if len(others):
        found, unusable = locate_images([names[i] for i in others], folder)
        why = {place: reason for place, _, reason in unusable}
        for place, (i, path) in enumerate(zip(others.tolist(), found, strict=True)):
            paths[i] = path
            if path is None and not texts[i]:
                reason = why.get(place, "and the row has no image or text by which it could join")
                skipped.append(
                    Skip(
                        int(table.rows[first[i]]),
                        ids[i] or names[i] or "product",
                        f"not in the catalogue; {reason}",
                    )
                )
    joins = np.array([paths.get(i) is not None or bool(texts[i]) for i in range(len(first))])
    joins &= (at < 0) & ~refused
    rows = table.rows[first]
    return _Found(
        merged[product].astype(np.intp),
        at[representative],
        joins[representative],
        [ids[i] or names[i] or f"{table.path.name}:{rows[i]}" for i in representative],
        [paths.get(i) for i in representative.tolist()],
        [texts[i] or None for i in representative],
        rows[representative],
        skipped,
    )


def _positions(values: Sequence[Path | str | None]) -> dict[Path | str | None, list[int]]:
    places: dict[Path | str | None, list[int]] = {}
    for at, value in enumerate(values):
        if value is not None:
            places.setdefault(value, []).append(at)
    return places


def _said(
    table: Table, product: npt.NDArray[np.intp], catalog: Catalog
) -> tuple[LabelMatrix, list[Skip], list[str]]:
    """Lay what is decided out in the catalogue's labels; unknown where nothing is."""
    attributes, skipped, warnings = _attributes(table, product, catalog)
    products = int(product.max(initial=-1)) + 1
    said = np.full((products, len(catalog.space)), UNKNOWN, dtype=np.int8)
    column_of = {label: column for column, label in enumerate(catalog.space.labels)}
    row_of = dict(zip(product[::-1].tolist(), table.rows[::-1].tolist(), strict=True))
    for cells in attributes:
        own = catalog.space.groups[cells.name]
        labels = [label_name(cells.name, value) for value in cells.values]
        columns = np.array([column_of.get(label, -1) for label in labels], dtype=np.intp)
        block = said[:, own]
        cells.fill(block, np.where(columns < 0, -1, np.searchsorted(own, columns)))
        strange = np.flatnonzero((columns[cells.codes] < 0) & (cells.cells != UNKNOWN))
        for place in strange:
            at = int(cells.products[place])
            # With a value of which nothing is known, the others would all be negative.
            if cells.cells[place] == POSITIVE:
                block[at] = UNKNOWN
            skipped.append(
                Skip(row_of[at], f"label {labels[cells.codes[place]]!r}", "not in the catalogue")
            )
        said[:, own] = block
        warnings += cells.warnings
    return said, skipped, warnings


def _attributes(
    table: Table, product: npt.NDArray[np.intp], catalog: Catalog
) -> tuple[list[AttributeCells], list[Skip], list[str]]:
    wanted = catalog.space.groups
    named = [c for c in table.columns if c not in _NO_ATTRIBUTES and not c.startswith(REVIEW)]
    if TAGS in table.columns:
        if both := [name for name in named if name in wanted]:
            raise CatalogError(
                f"{table.path}: labels are in the columns {TAGS!r} and {both[0]!r}; leave one out"
            )
        tagged, notes = read_tags(table, product=product)
        skipped = [
            Skip(
                int(table.rows[0]),
                f"attribute {cells.name!r}",
                f"not in the catalogue: {len(cells.products):,} tags are left out",
            )
            for cells in tagged
            if cells.name not in wanted
        ]
        return [cells for cells in tagged if cells.name in wanted], skipped, list(notes)
    skipped = []
    for name in named:
        if name not in wanted and name not in table.nested:
            filled = (stripped(table, name) != "").arg_true()
            if len(filled):
                what = f"not in the catalogue: {len(filled):,} cells are left out"
                skipped.append(Skip(int(table.rows[filled[0]]), f"attribute {name!r}", what))
    return [read_column(table, name, product) for name in named if name in wanted], skipped, []


def _over(catalog: Catalog, base: LabelMatrix, said: LabelMatrix) -> LabelMatrix:
    """Give the cells of products with what is decided in place of what was there."""
    over = np.where(said == UNKNOWN, base, said)
    for name in catalog.space.exclusive:
        columns = catalog.space.groups[name]
        decided = said[:, columns]
        positive = decided == POSITIVE
        cells = over[:, columns]
        one = positive.sum(axis=1) == 1
        cells[one] = np.where(positive[one], POSITIVE, NEGATIVE)
        lost = ((base[:, columns] == POSITIVE) & (decided == NEGATIVE)).any(axis=1)
        lost &= ~positive.any(axis=1)
        cells[lost[:, None] & (decided == UNKNOWN)] = UNKNOWN
        over[:, columns] = cells
    return np.asarray(over, dtype=np.int8)


def changes(
    before: LabelMatrix, after: LabelMatrix
) -> dict[tuple[int, int], npt.NDArray[np.int64]]:
    """Count the cells of each label that became another.

    Parameters
    ----------
    before, after : ndarray of int8, shape (products, labels)

    Returns
    -------
    dict of (int, int) to ndarray of int64, shape (labels,)
        By what they were and what they are: 1, 0, -1.
    """
    kinds = (UNKNOWN, NEGATIVE, POSITIVE)
    return {
        (was, now): ((before == was) & (after == now)).sum(axis=0, dtype=np.int64)
        for was in kinds
        for now in kinds
        if was != now
    }
