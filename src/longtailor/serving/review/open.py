"""From a run and a catalogue to the review page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from fastapi import APIRouter

from longtailor.catalog import SPLITS, TEST, VAL, Catalog
from longtailor.catalog.annotation_file import AnnotationFile
from longtailor.catalog.columns import ID
from longtailor.catalog.known import read_known
from longtailor.catalog.products import Products, read_products
from longtailor.catalog.splits import with_splits
from longtailor.catalog.tables import stream_table
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.progress import track
from longtailor.runs.record import read_run
from longtailor.runs.suggest import features_of
from longtailor.serving.review.decisions import Decisions
from longtailor.serving.review.routes import build_router
from longtailor.serving.review.state import Review
from longtailor.training.auto import RECIPE


def open_review(
    run: Path, catalog: Path, annotations: Path, *, images: Path | None = None
) -> APIRouter:
    """Make the routes of a page on which the labels of a catalogue are reviewed.

    Parameters
    ----------
    run : Path
        A folder that fit wrote.
    catalog : Path
        Not necessarily that of the fit; products without a label will do.
    annotations : Path
        The `.jsonl` file to which decisions are appended.
    images : Path, optional
        The folder of the images. Default: the folder of the catalogue.

    Returns
    -------
    APIRouter
        To be put behind a guard: see `longtailor.serving.create_app`.

    Raises
    ------
    LongtailorError
        If the run, the catalogue or the file cannot be used.
    """
    return build_router(load_review(run, catalog, annotations, images=images))


def load_review(
    run: Path, catalog: Path, annotations: Path, *, images: Path | None = None
) -> Review:
    """Score the products of a catalogue, and read what was decided so far."""
    if catalog.exists() and annotations.exists() and catalog.samefile(annotations):
        raise UsageError(f"--annotations {annotations}: is the catalogue; give another file")
    record = read_run(run)
    detector = Detector.load(run)
    products = read_products(catalog, images=images)
    known = read_known(catalog, detector.space)
    matrix = np.array([known[row] for row in products.rows])
    encoders = detector.loaded_encoders
    steps = len(products.ids) * len(encoders)
    with track("Embedding", steps) as advance, EmbeddingCache() as cache:
        embedded = embed_inputs(
            products.paths, products.texts, encoders, cache=cache, advance=advance
        )
    usable = np.flatnonzero(embedded.usable)
    if not len(usable):
        at, reason = embedded.failures[0]
        raise CatalogError(f"{catalog}, row {products.rows[at]}: {products.ids[at]}: {reason}")
    rows = [products.rows[at] for at in usable]
    split, own = _splits(record, catalog, images, rows)
    held_out, name = _held_out(record, split, own)
    notes = []
    if skipped := len(products.skipped) + len(embedded.failures):
        notes.append(f"{skipped:,} rows of the catalogue cannot be used and are not shown")
    values = embedded.values[usable]
    columns = set().union(*(table.columns for table in stream_table(catalog, (ID,))))
    return Review(
        name="/".join(catalog.absolute().parts[-2:]),
        ids=[products.ids[at] for at in usable],
        images=[products.paths[at] for at in usable],
        texts=[products.texts[at] for at in usable],
        split=split,
        matrix=matrix[usable],
        space=detector.space,
        scores=detector.probabilities(values).astype(np.float32),
        thresholds=np.clip(np.nan_to_num(detector.thresholds, nan=1.0), 0.0, 1.0),
        features=features_of(detector, values).astype(np.float16),
        train_positives=_train_positives(run, detector),
        held_out=held_out,
        held_out_name=name,
        decisions=Decisions(
            AnnotationFile(annotations),
            detector.space,
            [_key(products, at, with_id=ID in columns) for at in usable.tolist()],
        ),
        notes=notes,
    )


def _key(products: Products, at: int, *, with_id: bool) -> dict[str, str]:
    """Say in a row of decisions which product it is of."""
    key = {"id": products.ids[at]} if with_id else {}
    if name := products.names[at]:
        key["image"] = name
    if text := products.texts[at]:
        key["text"] = text
    return key


def _splits(
    record: dict[str, object], path: Path, images: Path | None, rows: list[int]
) -> tuple[npt.NDArray[np.str_], bool]:
    """Give the split of each product, and whether it is that of the fit."""
    configuration = record.get("configuration")
    wanted = configuration.get("attributes") if isinstance(configuration, dict) else None
    try:
        catalog = Catalog.read(path, images=images, attributes=wanted)
    except CatalogError:
        # Without any label it is no catalogue to fit to.
        return np.full(len(rows), "", dtype="U5"), False
    own = catalog.fingerprint == record.get("fingerprint")
    place = {int(row): at for at, row in enumerate(catalog.rows)}
    at = [place[row] for row in rows]
    split = catalog.split[at]
    if own:
        seed = record.get("seed")
        split = with_splits(catalog.take(at), seed if isinstance(seed, int) else 0).split
    return split, own


def _held_out(
    record: dict[str, object], split: npt.NDArray[np.str_], own: bool
) -> tuple[npt.NDArray[np.bool_], str]:
    """Choose the products by which precision and recall are measured."""
    if not own and not np.isin(split, SPLITS).any():
        return np.ones(len(split), dtype=np.bool_), "all products (not the catalogue of the fit)"
    configuration = record.get("configuration")
    options = configuration if isinstance(configuration, dict) else {}
    learned_val = (
        options.get("precision") is None and str(options.get("objective")).strip() == RECIPE
    )
    if learned_val and own:
        # The recipe learns from val too.
        return np.asarray(split == TEST), "test"
    return np.isin(split, (VAL, TEST)), "val and test"


def _train_positives(run: Path, detector: Detector) -> npt.NDArray[np.int64]:
    path = run / "labels.csv"
    try:
        table = pl.read_csv(
            path,
            columns=["label", "train_positive"],
            schema_overrides={"label": pl.String, "train_positive": pl.Int64},
        )
        count = dict(table.iter_rows())
        return np.array([count[label] for label in detector.space.labels], dtype=np.int64)
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise LongtailorError(f"{path} is missing or damaged: fit again") from error
