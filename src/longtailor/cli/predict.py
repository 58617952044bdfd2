"""`longtailor predict`: score products."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import Images, Strict, message


def predict(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    inputs: Annotated[
        list[Path], typer.Argument(help="A catalogue, or folders of images, or images.")
    ],
    out: Annotated[Path, typer.Option(help="The .csv, .jsonl or .parquet file to write.")],
    images: Images = None,
    independent: Annotated[
        bool,
        typer.Option(
            "--independent",
            help="Decide each label by itself, also the values of an exclusive attribute.",
        ),
    ] = False,
    corrected: Annotated[
        bool,
        typer.Option(
            "--corrected",
            help="Add score_corrected: the probability without what the objective's weights added.",
        ),
    ] = False,
    engine: Annotated[
        str, typer.Option(help="local, or ray: on Ray Data, also on a cluster (RAY_ADDRESS).")
    ] = "local",
    strict: Strict = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same command.")
    ] = False,
) -> None:
    """Score products: one row a product and label."""
    from longtailor.runs.predict import predict_run
    from longtailor.scoring.skip_list import skips_path

    scored = predict_run(
        run,
        inputs,
        out,
        images=images,
        exclusive=not independent,
        corrected=corrected,
        strict=strict,
        resume=resume,
        engine=engine,
    )
    if scored.skipped:
        message(f"{scored.skipped:,} skipped, listed in {skips_path(out)}")
    message(f"scored {scored.products:,} products: {out}")
