"""`longtailor fit`: from a catalogue to a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longtailor.catalog import TEST, VAL, Catalog
from longtailor.detector import FOLDER
from longtailor.files import write_json, write_text
from longtailor.fitting import (
    FitOptions,
    Fitted,
    Stopwatch,
    configuration,
    embed_catalog,
    fit_embedded,
)
from longtailor.objectives import parse
from longtailor.reporting.report import build_report
from longtailor.runs.labels_table import write_labels
from longtailor.runs.record import claim_run, close_run, open_run
from longtailor.runs.skips import write_skips

METRICS, LABELS, REPORT, SKIPPED = "metrics.json", "labels.csv", "report.html", "skipped.csv"


@dataclass(frozen=True)
class Source:
    """Which catalogue, and what of it."""

    catalog: Path
    images: Path | None = None
    attributes: Sequence[str] | None = None


def fit_run(
    source: Source, out: Path, options: FitOptions, *, resume: bool = False
) -> Fitted | None:
    """Fit a detector and write the run folder.

    Parameters
    ----------
    source : Source
    out : Path
    options : FitOptions
    resume : bool
        Go on with an interrupted run of the same command. What was embedded is kept anyway.

    Returns
    -------
    Fitted or None
        None if the run was finished already and `resume` was asked for.

    Raises
    ------
    LongtailorError
        If the catalogue cannot be used, or a file cannot be written.
    """
    parse(options.objective)
    out = out.absolute()
    watch = Stopwatch()
    with watch.stage("read"):
        catalog = Catalog.read(
            source.catalog,
            images=source.images,
            attributes=source.attributes,
            strict=options.strict,
        )
    identity = identify(source, options, catalog)
    if open_run(out, identity, resume=resume):
        return None
    fitted = fit_embedded(embed_catalog(catalog, options, watch), options, watch)
    with watch.stage("write"):
        write_run(out, fitted, identity, watch)
    return fitted


def write_run(out: Path, fitted: Fitted, identity: dict[str, Any], watch: Stopwatch) -> None:
    """Write the files of a run; `run.json`, which calls it finished, comes last."""
    data = fitted.data
    claim_run(out, identity)
    fitted.detector.save(out / FOLDER)
    write_json(
        out / METRICS,
        {split: fitted.evaluations[split].summary for split in (TEST, VAL)},
    )
    write_labels(out / LABELS, fitted)
    write_skips(out / SKIPPED, data.catalog.skipped)
    write_text(out / REPORT, build_report(fitted, identity))
    close_run(
        out,
        identity,
        encoders=data.described_encoders(),
        splits={
            split: int(data.catalog.in_split(split).sum()) for split in ("train", "val", "test")
        },
        labels=len(data.catalog.space),
        labels_dropped=data.dropped,
        products_skipped=len(data.catalog.skipped),
        warnings=[*data.catalog.warnings, *fitted.warnings],
        chosen=fitted.fit.chosen.to_dict(),
        trials=[trial.to_dict() for trial in fitted.fit.trials],
        durations=watch.seconds,
    )


def identify(source: Source, options: FitOptions, catalog: Catalog) -> dict[str, Any]:
    """Give what decides the figures of a fit."""
    return {
        "command": "fit",
        "catalog": str(source.catalog),
        "configuration": {
            **configuration(options),
            "images": None if source.images is None else str(source.images),
            "attributes": None if source.attributes is None else list(source.attributes),
        },
        "seed": options.seed,
        "fingerprint": catalog.fingerprint,
    }
