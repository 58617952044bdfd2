"""`longtailor evaluate`: measure the detector of a run on a catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog import SPLITS, TEST, Catalog
from longtailor.catalog.align import align
from longtailor.catalog.formulas import unguard_formulas
from longtailor.catalog.label_cells import TAGS, read_tags
from longtailor.catalog.splits import with_splits
from longtailor.catalog.tables import read_table
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.evaluation.metrics import Evaluation
from longtailor.evaluation.metrics import evaluate as evaluate_probabilities
from longtailor.progress import track
from longtailor.runs.fit import LABELS
from longtailor.runs.record import RECORD, read_run

ALL = "all"


@dataclass(frozen=True, eq=False)
class Measured:
    """Figures of a detector on one split of a catalogue.

    Attributes
    ----------
    split : str
    evaluation : Evaluation
    notes : list of str
        What was left out.
    """

    split: str
    evaluation: Evaluation
    notes: list[str] = field(default_factory=list)


def evaluate_run(
    run: Path,
    path: Path,
    *,
    images: Path | None = None,
    split: str | None = None,
    strict: bool = False,
) -> Measured:
    """Measure the detector of a run.

    The catalogue that the detector was fitted to has the splits that the fit carved. In any other,
    what the file gives holds; if it gives none, all products are measured.

    Parameters
    ----------
    run, path : Path
        The run folder, and the catalogue.
    images : Path, optional
        The folder of the images.
    split : str, optional
        `"train"`, `"val"`, `"test"` or `"all"`.
    strict : bool
        Fail on what would be skipped.

    Raises
    ------
    LongtailorError
        If the run or the catalogue cannot be used, or the split has no product.
    """
    if split is not None and split not in (*SPLITS, ALL):
        raise UsageError(f"--split {split!r}: use {', '.join(SPLITS)} or {ALL}")
    detector = Detector.load(run)
    wanted, fingerprint, seed = _fit_of(run)
    catalog = Catalog.read(path, images=images, attributes=_present(path, wanted), strict=strict)
    notes = [f"skipped row {skip.row}: {skip.what}: {skip.reason}" for skip in catalog.skipped]
    lacking = [name for name in detector.space.attributes if name not in catalog.space.groups]
    if len(lacking) == len(detector.space.attributes):
        raise CatalogError(f"{path} has none of the detector's attributes: {', '.join(lacking)}")
    if lacking:
        notes.append(f"not in the catalogue, so not measured: {', '.join(lacking)}")
    catalog, embeddings, left_out = _embed(catalog, detector, strict=strict)
    notes += left_out
    own = catalog.fingerprint == fingerprint
    if own:
        catalog = with_splits(catalog, seed)
    elif split is None and not (catalog.split != "").any():
        notes.append(
            "this is not the catalogue of the fit and gives no splits: all its products are "
            "measured, also those that the detector may have learned from"
        )
    chosen = split or (TEST if own or (catalog.split != "").any() else ALL)
    inside = np.ones(len(catalog), dtype=bool) if chosen == ALL else catalog.in_split(chosen)
    if not inside.any():
        raise LongtailorError(
            f"{path} has no product in the split {chosen!r}; choose another with --split"
        )
    matrix, unknown = align(catalog, detector.space)
    evaluation = evaluate_probabilities(
        detector.probabilities(embeddings[inside]),
        matrix[inside],
        detector.thresholds,
        _bands(run, detector),
        corrected=detector.probabilities(embeddings[inside], corrected=True),
        exclusive=detector.exclusive_columns,
        groups=catalog.group[inside],
        seed=seed,
    )
    if unknown:
        notes.append(
            f"{len(unknown)} labels that the detector does not know are left out: "
            + ", ".join(unknown[:20])
            + (", ..." if len(unknown) > 20 else "")
        )
    return Measured(chosen, evaluation, notes)


def _fit_of(run: Path) -> tuple[list[str] | None, str, int]:
    """Give what a fit recorded: the attributes picked, the catalogue's fingerprint, the seed."""
    record = read_run(run)
    try:
        return record["configuration"]["attributes"], record["fingerprint"], record["seed"]
    except (KeyError, TypeError) as error:
        raise LongtailorError(f"{run / RECORD} is not that of a fit") from error


def _present(path: Path, wanted: list[str] | None) -> list[str] | None:
    """Give those of the attributes that a catalogue has; all, if it has none of them."""
    if wanted is None:
        return None
    table = read_table(path)
    tagged = TAGS in table.columns
    known = [cells.name for cells in read_tags(table)[0]] if tagged else table.columns
    return [name for name in wanted if name in known] or wanted


def _embed(
    catalog: Catalog, detector: Detector, *, strict: bool
) -> tuple[Catalog, npt.NDArray[np.float32], list[str]]:
    """Embed the products that have what the detector reads, and say which have not."""
    encoders = detector.loaded_encoders
    with track("Embedding", len(catalog) * len(encoders)) as advance, EmbeddingCache() as cache:
        embedded = embed_inputs(
            catalog.images, catalog.texts, encoders, cache=cache, advance=advance
        )
    good = embedded.usable
    reasons = [
        f"row {catalog.rows[at]}: {catalog.ids[at]}: {reason}" for at, reason in embedded.failures
    ]
    if reasons and (strict or not good.any()):
        why = "strict" if strict else f"no product has a usable {' or '.join(encoders)}"
        raise CatalogError(f"{catalog.source}, {reasons[0]} ({why})")
    notes = [f"skipped {reason}" for reason in reasons]
    for modality, has in embedded.has.items():
        if without := int((good & ~has).sum()):
            notes.append(
                f"{without:,} of {int(good.sum()):,} products have no {modality}: they are "
                "measured without"
            )
    return catalog.take(good), embedded.values[good], notes


def _bands(run: Path, detector: Detector) -> npt.NDArray[np.str_]:
    """Give the band of each label in the fit, whose training positives it goes by."""
    path = run / LABELS
    try:
        table = pl.read_csv(path, columns=["label", "band"], infer_schema=False, glob=False)
        band_of: dict[str, Any] = dict(unguard_formulas(table).iter_rows())
        return np.array([band_of[label] for label in detector.space.labels])
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise LongtailorError(f"{path} is missing or damaged: fit again") from error
