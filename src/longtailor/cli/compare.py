"""`longtailor compare`: does an objective help, and where."""

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
    objective_names,
    parse_bands,
    print_json,
    tell_study,
)
from longtailor.cli.tuning import Epochs, Finetune, ImageSize, TimeBudget, Tuning, fine_tuning


def compare(
    catalog: CatalogFile,
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    objectives: Annotated[
        str | None,
        typer.Option(
            help="Objectives, separated by commas (or semicolons); the rest is told against the "
            "first. Parameters as in none,effective_number:beta=0.99,cap=10,asl.  [default: "
            "none,inverse_frequency,effective_number,asl,db,auto; with --finetune the first three]"
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How often products are drawn anew.")] = 5,
    share: Annotated[
        float, typer.Option(help="Share of the annotated products that each fit is given.")
    ] = 1.0,
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
    """Compare objectives over several draws of labelled products."""
    parsed_bands = parse_bands(bands)
    from longtailor.fitting import FitOptions
    from longtailor.runs.compare import FIGURES, PAGE, compare_run
    from longtailor.runs.fit import Source
    from longtailor.studies.compare import CompareOptions, default_objectives

    tuned = fine_tuning(finetune, epochs, image_size, time_budget, None, None, tuning)
    picked = names(attributes)
    options = CompareOptions(
        default_objectives(tuned) if objectives is None else tuple(objective_names(objectives)),
        seeds,
        share,
        separately=picked is not None and len(picked) > 1,
        fit=FitOptions(
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
    comparison = compare_run(Source(catalog, images, picked), out, options, resume=resume)
    if comparison is None:
        message(f"{out} is finished already")
    else:
        scopes = (comparison.together, *comparison.separately.values())
        failures = [failure for scope in scopes for failure in scope.failures]
        tell_study(out, comparison.together.catalog, comparison.warnings, failures)
        message(f"wrote {out / PAGE}")
    if json:
        print_json(out / FIGURES)
    elif comparison is not None:
        from longtailor.reporting.terminal import print_comparison

        print_comparison(comparison)
