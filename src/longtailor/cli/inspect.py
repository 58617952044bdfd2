"""`longtailor inspect`: see the tail before anyone trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import (
    Attributes,
    BandsText,
    CatalogFile,
    Images,
    Json,
    Strict,
    message,
    names,
    parse_bands,
)


def inspect(
    catalog: CatalogFile,
    images: Images = None,
    attributes: Attributes = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write inspection.json, inspection.html and tail.png to this folder."),
    ] = None,
    json: Json = False,
    strict: Strict = False,
    bands: BandsText = "100,20",
    min_positives: Annotated[
        int, typer.Option(help="Training positives below which a label is too rare to learn.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the splits that are carved.")] = 0,
    label_errors: Annotated[
        bool, typer.Option("--label-errors", help="List labels that a detector disputes.")
    ] = False,
) -> None:
    """Show what a catalogue holds: its tail, what is unknown, duplicates and leaks."""
    from rich.console import Console

    from longtailor.catalog import Catalog
    from longtailor.catalog.inspection import inspect_catalog
    from longtailor.catalog.leaks import image_hashes
    from longtailor.errors import CatalogError

    parsed_bands = parse_bands(bands)
    products = Catalog.read(catalog, images=images, attributes=names(attributes), strict=strict)
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
    errors = None
    if label_errors:
        from longtailor.fitting import FitOptions
        from longtailor.studies.label_errors import find_label_errors

        errors = find_label_errors(products, FitOptions(strict=strict))
    from longtailor.reporting.inspection import inspection_json, print_inspection, write_inspection

    if out is not None:
        write_inspection(inspection, out, errors)
        message(f"wrote {out / 'inspection.html'}")
    if json:
        import json as json_module

        found = inspection_json(inspection, errors)
        typer.echo(json_module.dumps(found, ensure_ascii=False, allow_nan=False))
    elif out is None:
        print_inspection(inspection, Console(highlight=False), errors)
