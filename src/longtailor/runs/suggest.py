"""`longtailor suggest`: which products of a catalogue to annotate next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from longtailor.catalog import Skip
from longtailor.catalog.formulas import guard_formulas, unguard_formulas
from longtailor.catalog.known import read_known
from longtailor.catalog.products import read_products
from longtailor.classifiers import normalize_block
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.files import replacing
from longtailor.labels import BANDS, UNKNOWN
from longtailor.progress import track
from longtailor.runs.fit import LABELS
from longtailor.runs.skips import write_skips
from longtailor.scoring.output import require_output
from longtailor.studies.suggest import (
    DEFAULT_STRATEGY,
    Candidates,
    Suggestion,
    require_strategy,
    suggest,
)


@dataclass(frozen=True, eq=False)
class Suggested:
    """What was suggested, and out of how many.

    Attributes
    ----------
    products : int
        Products of the catalogue that could be used.
    candidates : int
        Those of them with an unknown cell.
    suggestion : Suggestion
    band : str
        The labels that are to gain: the rarest band of the run that has any.
    labels : int
        How many these are.
    skipped : list of Skip
    """

    products: int
    candidates: int
    suggestion: Suggestion
    band: str
    labels: int
    skipped: list[Skip]


def suggest_run(
    run: Path,
    path: Path,
    out: Path,
    budget: int,
    *,
    images: Path | None = None,
    strategy: str = DEFAULT_STRATEGY,
    seed: int = 0,
    strict: bool = False,
) -> Suggested:
    """Write the products of a catalogue that are most worth annotating, most useful first.

    Parameters
    ----------
    run : Path
        A folder that fit wrote.
    path : Path
        The catalogue. Products of which all labels of the run are known are no candidates.
    out : Path
        A `.csv`, `.jsonl` or `.parquet` file: `id`, `image` where the catalogue has images,
        `score`, and `labels` that are expected to gain, separated by `|`.
    budget : int
        How many products, at least 1.
    images : Path, optional
        The folder of the images.
    strategy : str
        See `longtailor.studies.suggest`.
    seed : int
        Of the strategy `"random"`.
    strict : bool
        Fail on what would be skipped.

    Raises
    ------
    UsageError
        If there is no such strategy, or `out` cannot be written or is the catalogue.
    LongtailorError
        If the run or the catalogue cannot be used, or no product is a candidate.
    """
    require_output(out)
    require_strategy(strategy)
    if budget < 1:
        raise UsageError(f"--budget {budget}: ask for one product or more")
    if out.exists() and path.exists() and path.samefile(out):
        raise UsageError(f"--out {out}: is the catalogue; give another file")
    detector = Detector.load(run)
    band, labels, positives = _rarest(run, detector)
    products = read_products(path, images=images)
    known = read_known(path, detector.space)
    matrix = np.array([known[row] for row in products.rows])
    encoders = detector.loaded_encoders
    steps = len(products.ids) * len(encoders)
    with track("Embedding", steps) as advance, EmbeddingCache() as cache:
        embedded = embed_inputs(
            products.paths, products.texts, encoders, cache=cache, advance=advance
        )
    skipped = [
        *products.skipped,
        *(Skip(products.rows[at], products.ids[at], why) for at, why in embedded.failures),
    ]
    usable = embedded.usable
    if skipped and (strict or not usable.any()):
        why = "strict" if strict else "no product can be used"
        raise CatalogError(
            f"{path}, row {skipped[0].row}: {skipped[0].what}: {skipped[0].reason} ({why})"
        )
    unknown = matrix == UNKNOWN
    lacking = unknown.any(axis=1)
    at, annotated = np.flatnonzero(usable & lacking), np.flatnonzero(usable & ~lacking)
    if not len(at):
        raise CatalogError(
            f"{path}: all that the run has learned is known already of every product; a cell that "
            "is unknown is empty, or ? in a column of tags"
        )
    features = features_of(detector, embedded.values[usable])
    place = np.cumsum(usable) - 1
    suggestion = suggest(
        Candidates(
            detector.probabilities(embedded.values[at], corrected=True)[:, labels],
            unknown[np.ix_(at, labels)],
            positives,
            features[place[at]],
            features[place[annotated]],
        ),
        budget,
        strategy,
        seed=seed,
    )
    chosen = at[suggestion.products]
    _write(
        out,
        [products.ids[i] for i in chosen],
        [products.names[i] for i in chosen],
        suggestion.scores,
        ["|".join(detector.space.labels[labels[i]] for i in one) for one in suggestion.helps],
    )
    write_skips(skips_path(out), skipped)
    return Suggested(int(usable.sum()), len(at), suggestion, band, len(labels), skipped)


def features_of(detector: Detector, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give what products are compared by: normalised blocks less their mean, length 1.

    Parameters
    ----------
    detector : Detector
    embeddings : ndarray of float32, shape (products, dim)
        NaN in the blocks that a product does not have.
    """
    values = torch.from_numpy(np.ascontiguousarray(embeddings))
    blocks = detector.classifier.blocks
    parts = torch.split(values, [block.dim for block in blocks], dim=1)
    normalised = [normalize_block(part, block) for part, block in zip(parts, blocks, strict=True)]
    centred = [
        (features - features.sum(dim=0) / (~missing).sum().clamp(min=1)).masked_fill(missing, 0.0)
        for features, missing in normalised
    ]
    features = torch.nn.functional.normalize(torch.cat(centred, dim=1), dim=1)
    return np.asarray(features.numpy())


def skips_path(out: Path) -> Path:
    """Where what could not be used is listed."""
    return out.with_name(f"{out.stem}.skipped.csv")


def _rarest(
    run: Path, detector: Detector
) -> tuple[str, npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Give the rarest band that has labels, their columns, and their training positives."""
    path = run / LABELS
    try:
        table = pl.read_csv(
            path,
            glob=False,
            columns=["label", "band", "train_positive"],
            schema_overrides={"label": pl.String, "train_positive": pl.Int64},
        )
        found = unguard_formulas(table).iter_rows()
        rows = {label: (band, count) for label, band, count in found}
        bands = np.array([rows[label][0] for label in detector.space.labels])
        counts = np.array([rows[label][1] for label in detector.space.labels], dtype=np.int64)
    except (OSError, KeyError, pl.exceptions.PolarsError) as error:
        raise LongtailorError(f"{path} is missing or damaged: fit again") from error
    band = next(name for name in reversed(BANDS) if (bands == name).any())
    labels = np.flatnonzero(bands == band)
    return band, labels, counts[labels]


def _write(
    out: Path, ids: list[str], images: list[str | None], scores: npt.ArrayLike, labels: list[str]
) -> None:
    table = pl.DataFrame(
        {
            "id": pl.Series(ids, dtype=pl.String),
            "image": pl.Series(images, dtype=pl.String),
            "score": pl.Series(np.asarray(scores, dtype=np.float64)),
            "labels": pl.Series(labels, dtype=pl.String),
        }
    )
    if not any(images):
        table = table.drop("image")
    with replacing(out) as temporary:
        match out.suffix.lower():
            case ".csv":
                guard_formulas(table).write_csv(temporary)
            case ".jsonl":
                table.write_ndjson(temporary)
            case _:
                table.write_parquet(temporary)
