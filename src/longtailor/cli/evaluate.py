"""`longtailor evaluate`: measure a detector on a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import CatalogFile, Images, Json, Strict, message


def evaluate(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    catalog: CatalogFile,
    images: Images = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val, test or all.  [default: test; all, if the catalogue is another one "
            "and gives no splits]"
        ),
    ] = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Measure a detector on one split of a catalogue."""
    from longtailor.runs.evaluate import evaluate_run

    measured = evaluate_run(run, catalog, images=images, split=split, strict=strict)
    for note in measured.notes:
        message(note)
    if json:
        import json as json_module

        typer.echo(json_module.dumps({measured.split: measured.evaluation.summary}))
        return
    from longtailor.reporting.terminal import print_figures

    print_figures({measured.split: measured.evaluation.summary}, measured.split)
