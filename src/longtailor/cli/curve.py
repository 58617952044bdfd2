"""`longtailor curve`: how many labels are enough, and how many an objective saves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import (
    Attributes,
    BandsText,
    CatalogFile,
    Encoder,
    Images,
    Inputs,
    Json,
    Resume,
    Strict,
    TextEncoder,
    message,
    names,
    numbers,
    objective_names,
    parse_bands,
    print_json,
    tell_study,
)
from longtailor.cli.tuning import Epochs, Finetune, ImageSize, TimeBudget, Tuning, fine_tuning


def curve(
    catalog: CatalogFile,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    objectives: Annotated[
        str | None,
        typer.Option(
            help="Objectives, separated by commas or semicolons; savings are told against the "
            "first.  [default: none,inverse_frequency,effective_number,auto; with --finetune the "
            "first three]"
        ),
    ] = None,
    budgets: Annotated[
        str, typer.Option(help="Shares of the annotated products, rising.")
    ] = "0.05,0.1,0.2,0.4,0.7,1",
    seeds: Annotated[int, typer.Option(min=1, help="How often products are drawn anew.")] = 5,
    metric: Annotated[
        str, typer.Option(help="What savings are told by, as map or f1_macro_at_half.")
    ] = "map",
    labels: Annotated[
        str | None,
        typer.Option(help="Labels that get a curve against their own positives: sleeve:puff,.."),
    ] = None,
    positives: Annotated[
        str | None,
        typer.Option(help="Their training positives.  [default: of 3,6,12,24,48,96 what there is]"),
    ] = None,
    images: Images = None,
    attributes: Attributes = None,
    encoder: Encoder = "efficientnet_lite0",
    min_positives: Annotated[
        int, typer.Option(min=1, help="Leave out labels with fewer annotated positives.")
    ] = 2,
    bands: BandsText = "100,20",
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    text_encoder: TextEncoder = "all-minilm-l6-v2",
    inputs: Inputs = None,
    finetune: Finetune = False,
    epochs: Epochs = None,
    image_size: ImageSize = None,
    time_budget: TimeBudget = None,
    tuning: Tuning = None,
    strict: Strict = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Measure quality against the number of annotated products, or of positives of a label."""
    parsed_bands = parse_bands(bands)
    from longtailor.fitting import FitOptions
    from longtailor.runs.curve import FIGURES, PAGE, curve_run
    from longtailor.runs.fit import Source
    from longtailor.studies.curve import CurveOptions, default_objectives

    tuned = fine_tuning(finetune, epochs, image_size, time_budget, None, None, tuning)
    options = CurveOptions(
        default_objectives(tuned) if objectives is None else tuple(objective_names(objectives)),
        tuple(numbers(budgets, float, "--budgets")),
        seeds,
        metric,
        tuple(names(labels) or ()),
        None if positives is None else tuple(numbers(positives, int, "--positives")),
        FitOptions(
            encoder=encoder,
            min_positives=min_positives,
            bands=parsed_bands,
            seed=seed,
            strict=strict,
            text_encoder=text_encoder,
            inputs=inputs,
            finetune=tuned,
        ),
    )
    measured = curve_run(Source(catalog, images, names(attributes)), out, options, resume=resume)
    if measured is None:
        message(f"{out} is finished already")
    else:
        tell_study(out, measured.catalog, measured.warnings, measured.failures)
        message(f"wrote {out / PAGE}")
    if json:
        print_json(out / FIGURES)
    elif measured is not None:
        from longtailor.reporting.terminal import print_curve

        print_curve(measured, metric)
