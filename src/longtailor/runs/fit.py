"""`longtailor fit`: from a catalogue to a run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.detector import FOLDER
from longtailor.errors import CatalogError, LongtailorError
from longtailor.evaluation.metrics import Evaluation
from longtailor.files import write_json, write_text
from longtailor.fitting import (
    BOTH,
    Embedded,
    FitOptions,
    Fitted,
    Stopwatch,
    configuration,
    drop_rare,
    embed_products,
    fit_embedded,
    lay_file,
)
from longtailor.processes import PartDoneError, launched_rank
from longtailor.reporting.report import build_report
from longtailor.runs.labels_table import write_labels
from longtailor.runs.record import claim_run, close_run, is_finished, open_run
from longtailor.runs.skips import write_skips
from longtailor.studies.annotations import (
    Effect,
    compare_annotations,
    comparison_json,
    effect_json,
)
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
    annotations: Path | None = None
    """A file of decisions to lay over it."""


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
        None if the run was finished already and `resume` was asked for; and in all processes that
        torchrun or SLURM started but the first.

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
    # Of several processes that train together, the first alone writes.
    first = options.finetune is None or launched_rank() == 0
    if open_run(out, identity, resume=resume) if first else resume and is_finished(out, identity):
        return None
    whole = embed_products(catalog, options, watch)
    laid = None
    if source.annotations is not None:
        with watch.stage("annotations"):
            laid = lay_file(whole, source.annotations, options)
        if laid.annotations.sha256 != identity["annotations"]["sha256"]:
            raise LongtailorError(f"{source.annotations} grew while it was read; fit again")
    data = _learnable(whole if laid is None else laid.data, options)
    work = out / FINETUNING
    if options.finetune is not None and first:
        # It writes into the folder long before there are figures.
        claim_run(out, identity)
    try:
        fitted = fit_embedded(data, options, watch, folder=work, resume=resume)
    except PartDoneError:
        return None
    with watch.stage("inputs alone"):
        inputs = compare_inputs(fitted, options)
    effect = None
    if laid is not None:
        with watch.stage("without annotations"):
            try:
                without = _learnable(whole, options)
            except CatalogError:
                without = None
            effect = compare_annotations(fitted, laid, without, options)
    with watch.stage("write"):
        write_run(out, fitted, identity, watch, inputs, effect)
    return fitted


def _learnable(data: Embedded, options: FitOptions) -> Embedded:
    return drop_rare(data, data.catalog.statistics(TRAIN).positive, options.min_positives)


def write_run(
    out: Path,
    fitted: Fitted,
    identity: dict[str, Any],
    watch: Stopwatch,
    inputs: Inputs | None = None,
    effect: Effect | None = None,
) -> None:
    """Write the files of a run; `run.json`, which calls it finished, comes last."""
    data = fitted.data
    claim_run(out, identity)
    fitted.detector.save(out / FOLDER)
    figures = _summaries(fitted.evaluations)
    more = {} if inputs is None else _inputs_json(inputs)
    before = {} if effect is None else comparison_json(effect)
    write_json(out / METRICS, {**figures, **more, **_promise_json(fitted), **before})
    write_labels(out / LABELS, fitted)
    write_skips(out / SKIPPED, data.catalog.skipped)
    write_text(out / REPORT, build_report(fitted, identity, inputs, effect))
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
        **_parts_json(fitted),
        **_noise_json(fitted),
        trials=[trial.to_dict() for trial in fitted.fit.trials],
        durations=watch.seconds,
        **_finetuning_json(fitted),
        **({} if effect is None else effect_json(effect)),
    )
    if fitted.tuned is not None:
        for file in (out / FINETUNING).iterdir():
            if file.suffix in (".npy", ".safetensors"):
                file.unlink()


def _summaries(evaluations: Mapping[str, Evaluation]) -> dict[str, Any]:
    return {split: evaluations[split].summary for split in (TEST, VAL)}


def _parts_json(fitted: Fitted) -> dict[str, Any]:
    parts = fitted.fit.parts
    if not parts:
        return {}
    return {"chosen_by_objective": {name: trial.to_dict() for name, trial in parts.items()}}


def _noise_json(fitted: Fitted) -> dict[str, Any]:
    """Give the noise variances of the kernel with the labels that each was chosen for."""
    noises = fitted.fit.noises
    if noises is None:
        return {}
    labels = np.array(fitted.data.catalog.space.labels)
    found = np.unique(noises[~np.isnan(noises)])[::-1]
    return {
        "kernel_noise": [
            {"noise": float(noise), "labels": labels[noises == noise].tolist()} for noise in found
        ]
    }


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
        **_annotations_identity(source.annotations),
    }


def _annotations_identity(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"--annotations {path}: {error.strerror}") from error
    return {"annotations": {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}}
