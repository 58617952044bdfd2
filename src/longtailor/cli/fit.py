"""`longtailor fit`: from a catalogue to a detector, its figures and a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import (
    Attributes,
    BandsText,
    CatalogFile,
    Images,
    Strict,
    message,
    names,
    parse_bands,
)
from longtailor.cli.tuning import (
    Devices,
    Epochs,
    Finetune,
    ImageSize,
    Nodes,
    TimeBudget,
    Tuning,
    fine_tuning,
)

Annotations = Annotated[
    Path | None,
    typer.Option(help="A file of decisions to lay over the catalogue, such as serve --review's."),
]


def fit(
    catalog: CatalogFile,
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    images: Images = None,
    attributes: Attributes = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="auto, or NAME or NAME:parameter=value,..; see longtailor objectives.  "
            "[default: auto; with --finetune none]"
        ),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(
            help="Of images: efficientnet_lite0, efficientnet_lite2, or a name of timm's."
        ),
    ] = "efficientnet_lite0",
    min_positives: Annotated[
        int, typer.Option(min=1, help="Leave out labels with fewer training positives.")
    ] = 2,
    bands: BandsText = "100,20",
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    text_encoder: Annotated[
        str, typer.Option(help="all-minilm-l6-v2, the folder of a model, or a Hugging Face name.")
    ] = "all-minilm-l6-v2",
    inputs: Annotated[
        str | None,
        typer.Option(help="Learn from image, text or both.  [default: what the catalogue has]"),
    ] = None,
    finetune: Finetune = False,
    epochs: Epochs = None,
    image_size: ImageSize = None,
    time_budget: TimeBudget = None,
    devices: Devices = None,
    nodes: Nodes = None,
    tuning: Tuning = None,
    precision: Annotated[
        float | None,
        typer.Option(help="Promise this precision of what is predicted, such as 0.9."),
    ] = None,
    annotations: Annotations = None,
    strict: Strict = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same command.")
    ] = False,
) -> None:
    """Fit a detector: learn every label at once, choose thresholds, measure, report."""
    parsed_bands = parse_bands(bands)
    from longtailor.fitting import FitOptions, default_objective
    from longtailor.processes import launched_rank
    from longtailor.reporting.terminal import print_figures
    from longtailor.runs.fit import REPORT, Source, fit_run

    tuned = fine_tuning(finetune, epochs, image_size, time_budget, devices, nodes, tuning)
    options = FitOptions(
        default_objective(tuned) if objective is None else objective,
        encoder,
        min_positives,
        parsed_bands,
        seed,
        strict,
        text_encoder,
        inputs,
        tuned,
        precision,
    )
    fitted = fit_run(
        Source(catalog, images, names(attributes), annotations), out, options, resume=resume
    )
    if fitted is None:
        if launched_rank() == 0:
            message(f"{out} is finished already")
        return
    skipped = fitted.data.catalog.skipped
    if skipped:
        message(f"{len(skipped):,} skipped, listed in {out / 'skipped.csv'}")
    for warning in (*fitted.data.catalog.warnings, *fitted.warnings):
        message(f"warning: {warning}")
    if fitted.data.dropped:
        message(
            f"{len(fitted.data.dropped):,} labels have fewer than {min_positives} training "
            f"positives and were left out; they are listed in {out / 'run.json'}"
        )
    name = fitted.fit.objective.name
    rows = {name: fitted.evaluations["test"].summary}
    if fitted.tuned is not None:
        for note in fitted.tuned.curves["left_out"]:
            message(note)
        assert fitted.start is not None
        rows = {
            f"{fitted.start.objective.name}, frozen": fitted.frozen["test"].summary,
            f"{name}, fine-tuned": rows[name],
        }
    print_figures(rows)
    if annotations is not None:
        tell_annotations(out)
    if fitted.detector.promise is not None:
        promised = fitted.detector.promise
        message(
            f"{promised.kept.sum():,} of {len(promised.kept):,} labels promise a precision of "
            f"{promised.precision:g}; the others are never predicted, and {out / 'labels.csv'} "
            "tells how many val positives they lack"
        )
    message(f"wrote {out / REPORT}")


def tell_annotations(out: Path) -> None:
    """Say what decisions changed, from the files of a run."""
    import json

    annotated = json.loads((out / "run.json").read_bytes())["annotated"]
    cells = [
        f"{count:,} {kind.replace('_', ' ')}" for kind, count in annotated["cells"].items() if count
    ]
    message(
        f"decisions on {annotated['products']:,} products changed "
        + (", ".join(cells) if cells else "no cell")
    )
    for split, count in annotated["set_aside"].items():
        if count:
            message(f"{count:,} of the products are in {split}, which keeps the labels that it had")
    compared = json.loads((out / "metrics.json").read_bytes()).get("annotations")
    for one in [] if compared is None else compared["paired"]:
        if one["difference"] is not None:
            message(
                f"test {one['metric']} without them "
                f"{compared['test']['without'][one['metric']]:.3f}, with them "
                f"{compared['test']['with'][one['metric']]:.3f}: {one['difference']:+.3f} "
                f"(95 % interval {one['low']:+.3f} to {one['high']:+.3f})"
            )
