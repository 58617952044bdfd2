"""`longtailor suggest`: which products to annotate next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import CatalogFile, Images, Strict, message


def suggest(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    catalog: CatalogFile,
    budget: Annotated[int, typer.Option(help="How many products to suggest.")],
    out: Annotated[Path, typer.Option(help="The .csv, .jsonl or .parquet file to write.")],
    images: Images = None,
    strategy: Annotated[
        str, typer.Option(help="mix, expected, uncertainty, diversity or random.")
    ] = "mix",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the strategy random.")] = 0,
    strict: Strict = False,
) -> None:
    """Suggest which products to annotate next, those most useful for rare labels first."""
    from longtailor.runs.suggest import skips_path, suggest_run

    found = suggest_run(
        run, catalog, out, budget, images=images, strategy=strategy, seed=seed, strict=strict
    )
    if found.skipped:
        message(f"{len(found.skipped):,} skipped, listed in {skips_path(out)}")
    chosen = len(found.suggestion.products)
    message(
        f"{found.candidates:,} of {found.products:,} products have unknown cells; {chosen:,} are "
        f"suggested for the {found.labels:,} {found.band} labels"
    )
    if found.suggestion.near_duplicates:
        message(
            f"the last {found.suggestion.near_duplicates:,} are near-duplicates of others above"
        )
    message(f"wrote {out}")
