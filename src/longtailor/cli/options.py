"""Options that several commands share, and what turns them into values."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from longtailor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longtailor.catalog import Catalog
    from longtailor.labels import Bands
    from longtailor.studies.results import Failure

Number = TypeVar("Number", int, float)

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
Encoder = Annotated[
    str,
    typer.Option(
        help="Of images: efficientnet_lite0, efficientnet_lite2, or a name of timm's. A size in "
        "pixels may follow, and several be joined: efficientnet_lite0@320,efficientnet_lite2."
    ),
]
TextEncoder = Annotated[
    str, typer.Option(help="all-minilm-l6-v2, the folder of a model, or a Hugging Face name.")
]
Inputs = Annotated[
    str | None,
    typer.Option(help="Learn from image, text or both.  [default: what the catalogue has]"),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted run of the same command.")
]
BandsText = Annotated[
    str,
    typer.Option("--bands", help="Positives from which a label is head, and medium; or thirds."),
]


def names(text: str | None) -> list[str] | None:
    """Split names at commas."""
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip()]


def objective_names(text: str) -> list[str]:
    """Split objectives at semicolons, and at commas that do not begin another parameter.

    `none,focal:gamma=2,alpha=0.5,asl` is none, `focal:gamma=2,alpha=0.5` and asl: what follows a
    comma is a parameter if it is written as parameter=value. What follows a semicolon is the
    objective of an attribute if it is written as attribute=objective: `none;sleeve=asl,focal` is
    `none;sleeve=asl` and focal.
    """
    found: list[str] = []
    for part in text.split(";"):
        begun = len(found)
        if begun and "=" in part.partition(":")[0].partition(",")[0]:
            first, _, part = part.partition(",")
            found[-1] += f";{first.strip()}"
        for piece in filter(None, (piece.strip() for piece in part.split(","))):
            if len(found) > begun and "=" in piece.partition(":")[0]:
                found[-1] += f",{piece}"
            else:
                found.append(piece)
    return found


def numbers(text: str, kind: type[Number], option: str) -> list[Number]:
    """Split numbers at commas."""
    try:
        return [kind(number) for number in names(text) or ()]
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise UsageError(f"{option} {text!r}: give {what} separated by commas") from None


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


def tell_study(
    out: Path, catalog: Catalog, warnings: Sequence[str], failures: Sequence[Failure]
) -> None:
    """Say what was left out of a study, what looks wrong in it, and what failed."""
    if catalog.skipped:
        message(f"{len(catalog.skipped):,} skipped, listed in {out / 'skipped.csv'}")
    for warning in (*catalog.warnings, *warnings):
        message(f"warning: {warning}")
    for failure in failures:
        message(f"failed: {failure.objective}, seed {failure.seed}: {failure.reason}")


def print_json(path: Path) -> None:
    """Print the object of a JSON file on standard output, on one line."""
    value = json.loads(path.read_bytes())
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
