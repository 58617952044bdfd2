"""`longtailor inspect`: see the tail before anyone trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    catalog: Annotated[Path, typer.Argument(help="A CSV, TSV, JSONL or Parquet catalogue.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of the images.  [default: the catalogue's folder]"),
    ] = None,
    attributes: Annotated[
        str | None, typer.Option(help="The attributes to take, separated by commas.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write inspection.json, inspection.html and tail.png to this folder."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on what would be skipped and listed.")
    ] = False,
    bands: Annotated[
        str, typer.Option(help="Positives from which a label is head, and medium; or thirds.")
    ] = "100,20",
    min_positives: Annotated[
        int, typer.Option(help="Training positives below which a label is too rare to learn.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the splits that are carved.")] = 0,
) -> None:
    """Show what a catalogue holds: its tail, what is unknown, duplicates and leaks."""
    from rich.console import Console

    from longtailor.catalog import Catalog
    from longtailor.catalog.inspection import inspect_catalog
    from longtailor.catalog.leaks import image_hashes
    from longtailor.errors import CatalogError, UsageError
    from longtailor.labels import Bands

    try:
        parsed_bands = Bands.parse(bands)
    except ValueError as error:
        raise UsageError(str(error)) from error
    products = Catalog.read(
        catalog,
        images=images,
        attributes=None if attributes is None else _names(attributes),
        strict=strict,
    )
    hashes = image_hashes(products.images)
    if strict and hashes.broken:
        raise CatalogError(f"{catalog}: {hashes.broken[0][1]} (strict)")
    inspection = inspect_catalog(
        products,
        bands=parsed_bands,
        min_positives=min_positives,
        hashes=hashes if hashes.readable.any() or hashes.broken else None,
        seed=seed,
    )
    if out is not None:
        from longtailor.reporting.inspection import write_inspection

        write_inspection(inspection, out)
        Console(stderr=True).print(f"wrote {out / 'inspection.html'}", soft_wrap=True)
    if json:
        import json as json_module

        typer.echo(json_module.dumps(inspection.to_dict(), ensure_ascii=False, allow_nan=False))
    elif out is None:
        from longtailor.reporting.inspection import print_inspection

        print_inspection(inspection, Console(highlight=False))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
