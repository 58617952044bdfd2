"""Options that several commands share, and what turns them into values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longtailor.errors import UsageError

if TYPE_CHECKING:
    from longtailor.labels import Bands

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

CatalogFile = Annotated[Path, typer.Argument(help="A CSV, TSV, JSONL or Parquet catalogue.")]
Images = Annotated[
    Path | None, typer.Option(help="Folder of the images.  [default: the catalogue's folder]")
]
Attributes = Annotated[
    str | None, typer.Option(help="The attributes to take, separated by commas.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail on what would be skipped and listed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
BandsText = Annotated[
    str,
    typer.Option("--bands", help="Positives from which a label is head, and medium; or thirds."),
]


def names(text: str | None) -> list[str] | None:
    """Split names at commas."""
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip()]


def parse_bands(text: str) -> Bands:
    """Read `--bands`."""
    from longtailor.labels import Bands

    try:
        return Bands.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def message(text: str) -> None:
    """Print a message on standard error, as one line.

    Control characters in names from a catalogue are written as escapes: they would break the line
    or command the terminal.
    """
    typer.echo(_CONTROL.sub(lambda found: repr(found[0])[1:-1], text), err=True)
