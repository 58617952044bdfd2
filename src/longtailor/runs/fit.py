"""`longtailor fit`: from a catalogue to a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from longtailor.catalog import TEST, VAL, Catalog
from longtailor.detector import FOLDER
from longtailor.evaluation.metrics import Evaluation
from longtailor.files import write_json, write_text
from longtailor.fitting import (
    BOTH,
    FitOptions,
    Fitted,
    Stopwatch,
    configuration,
    embed_catalog,
    fit_embedded,
)
from longtailor.reporting.report import build_report
from longtailor.runs.labels_table import write_labels
from longtailor.runs.record import claim_run, close_run, open_run
from longtailor.runs.skips import write_skips
from longtailor.studies.inputs import Inputs, compare_inputs
from longtailor.training.search import parse_objective

METRICS, LABELS, REPORT, SKIPPED = "metrics.json", "labels.csv", "report.html", "skipped.csv"
FINETUNING = "finetuning"
"""The folder in a run where a fine-tuning works; its logs stay there."""


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
    parse_objective(options.objective)
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
    data = embed_catalog(catalog, options, watch)
    work = out / FINETUNING
    if options.finetune is not None:
        # It writes into the folder long before there are figures.
        claim_run(out, identity)
    fitted = fit_embedded(data, options, watch, folder=work, resume=resume)
    with watch.stage("inputs alone"):
        inputs = compare_inputs(fitted, options)
    with watch.stage("write"):
        write_run(out, fitted, identity, watch, inputs)
    return fitted


def write_run(
    out: Path,
    fitted: Fitted,
    identity: dict[str, Any],
    watch: Stopwatch,
    inputs: Inputs | None = None,
) -> None:
    """Write the files of a run; `run.json`, which calls it finished, comes last."""
    data = fitted.data
    claim_run(out, identity)
    fitted.detector.save(out / FOLDER)
    figures = _summaries(fitted.evaluations)
    more = {} if inputs is None else _inputs_json(inputs)
    write_json(out / METRICS, {**figures, **more, **_promise_json(fitted)})
    write_labels(out / LABELS, fitted)
    write_skips(out / SKIPPED, data.catalog.skipped)
    write_text(out / REPORT, build_report(fitted, identity, inputs))
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
        **_finetuning_json(fitted),
    )
    if fitted.tuned is not None:
        for file in (out / FINETUNING).iterdir():
            if file.suffix in (".npy", ".safetensors"):
                file.unlink()


def _summaries(evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    return {split: evaluations[split].summary for split in (TEST, VAL)}


def _promise_json(fitted: Fitted) -> dict[str, Any]:
    promise = fitted.detector.promise
    if promise is None:
        return {}
    return {"promise": promise.summarise(fitted.evaluations[TEST].precision)}


def _finetuning_json(fitted: Fitted) -> dict[str, Any]:
    if fitted.tuned is None or fitted.start is None:
        return {}
    start = {"chosen": fitted.start.chosen.to_dict(), "objective": fitted.start.specification}
    frozen = _summaries(fitted.frozen)
    return {"finetuning": {**fitted.tuned.curves, "start": start, "frozen": frozen}}


def _inputs_json(inputs: Inputs) -> dict[str, Any]:
    return {
        "inputs": {name: _summaries(of) for name, of in inputs.evaluations.items()},
        "inputs_paired": [
            {"a": BOTH, "b": name, "metric": metric, **asdict(one)}
            for name, by_metric in inputs.differences.items()
            for metric, one in by_metric.items()
        ],
    }


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
