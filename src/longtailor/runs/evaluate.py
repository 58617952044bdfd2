"""`longtailor evaluate`: measure the detector of a run on a catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import expit

from longtailor.catalog import SPLITS, TEST, Catalog
from longtailor.catalog.align import align
from longtailor.catalog.splits import with_splits
from longtailor.detector import Detector, embed_files
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.evaluation.metrics import Evaluation
from longtailor.evaluation.metrics import evaluate as evaluate_probabilities
from longtailor.runs.fit import LABELS
from longtailor.runs.record import read_run

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
    record = read_run(run)
    detector = Detector.load(run)
    catalog = _read_catalog(path, images, detector, record, strict)
    embeddings, failed = embed_files(
        [image for image in catalog.images if image is not None], detector.loaded_encoder
    )
    if failed and strict:
        raise CatalogError(f"{path}, row {catalog.rows[failed[0][0]]}: {failed[0][1]}")
    good = np.ones(len(catalog), dtype=bool)
    good[[at for at, _ in failed]] = False
    catalog, embeddings = catalog.take(good), embeddings[good]
    own = catalog.fingerprint == record["fingerprint"]
    if own:
        catalog = with_splits(catalog, record["seed"])
    chosen = split or (TEST if own or (catalog.split != "").any() else ALL)
    inside = np.ones(len(catalog), dtype=bool) if chosen == ALL else catalog.in_split(chosen)
    if not inside.any():
        raise LongtailorError(
            f"{path} has no product in the split {chosen!r}; choose another with --split"
        )
    matrix, unknown = align(catalog, detector.space)
    logits = detector.logits(embeddings[inside])
    evaluation = evaluate_probabilities(
        np.asarray(expit(logits)),
        matrix[inside],
        detector.thresholds,
        _bands(run, detector),
        corrected=expit(detector.correct(logits)),
        exclusive=detector.exclusive_columns,
        groups=catalog.group[inside],
        seed=record["seed"],
    )
    return Measured(chosen, evaluation, _notes(catalog, failed, unknown))


def _bands(run: Path, detector: Detector) -> npt.NDArray[np.str_]:
    """Give the band of each label in the fit, whose training positives it goes by."""
    path = run / LABELS
    try:
        table = pl.read_csv(path, columns=["label", "band"], infer_schema=False)
        band_of: dict[str, Any] = dict(table.iter_rows())
        return np.array([band_of[label] for label in detector.space.labels])
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise LongtailorError(f"{path} is missing or damaged: fit again") from error


def _notes(catalog: Catalog, failed: list[tuple[int, str]], unknown: list[str]) -> list[str]:
    notes = [f"skipped row {skip.row}: {skip.what}: {skip.reason}" for skip in catalog.skipped]
    notes += [f"skipped {reason}" for _, reason in failed]
    if unknown:
        notes.append(
            f"{len(unknown)} labels that the detector does not know are left out: "
            + ", ".join(unknown[:20])
            + (", ..." if len(unknown) > 20 else "")
        )
    return notes
