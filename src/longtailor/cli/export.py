"""`longtailor export`: a detector for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import message


def export(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.")],
) -> None:
    """Write a detector as an ONNX file, checked to score as the detector does."""
    from longtailor.runs.export import export_run

    done = export_run(run, out)
    exported = done.exported
    if done.catalog is None:
        message("the catalogue of the run cannot be found from here: compared on drawn products")
    where = "drawn products" if done.catalog is None else f"products of {done.catalog}"
    message(
        f"onnxruntime scores {exported.products} {where} as the detector does: probabilities "
        f"differ by {exported.difference:.1g} at most"
    )
    written = f"{out} ({out.stat().st_size / 1e6:.1f} MB)"
    message(f"wrote {written}" + (f" and {exported.tokenizer}" if exported.tokenizer else ""))
