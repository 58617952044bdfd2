"""Catalogue files that are more than they look, and letters that are not what they look like."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from longtailor import Catalog
from longtailor.errors import CatalogError

NAMES = [
    "\u202egnp.exe",
    "a\u200bb",
    "a\u0301\u0301\u0301" * 50,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "\u0000",
    "\x1b]0;owned\x07",
    "\ufeff",
    "ﷺ" * 40,
    "Ｐｕｆｆ",
    "puff",
    "\U0010ffff\ufffe",
    "x" * 3000,
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("columns.csv", "image" + ",a" * 3_000_000 + "\n"),
        ("commas.csv", "image" + "," * 20_000_000 + "\n"),
        ("endless.csv", "image," + "a" * (2**26 + 2)),
        ("field.csv", 'image,a\na.png,"' + "x" * 10_000_000),
        ("lists.jsonl", '{"image": "a.png", "a": ' + "[" * 1_000_000),
        ("objects.jsonl", '{"a":' * 1_000_000),
        ("keys.jsonl", "".join(f'{{"image": "a", "k{n}": 1}}\n' for n in range(10_001))),
        ("number.jsonl", '{"image": "a.png", "a": ' + "9" * 1_000_000 + "}"),
        ("zlib.csv", zlib.compress(bytes(10**6)).decode("latin-1")),
    ],
)
def test_bombs_are_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        Catalog.read(tmp_path / name)
    assert len(str(caught.value)) < 1000


def test_parquet_files_that_announce_more_than_they_hold(tmp_path: Path) -> None:
    content = io.BytesIO()
    pl.DataFrame({"image": ["a.png"] * 100, "a": ["x"] * 100}).write_parquet(content)
    whole = content.getvalue()
    path = tmp_path / "a.parquet"
    for damaged in (
        whole[:-1],
        whole[:-8] + b"\xff\xff\xff\x7fPAR1",
        whole[:-8] + bytes(4) + b"PAR1",
        b"PAR1" * 3,
        b"PAR1" + bytes(10_000) + whole[-200:],
    ):
        path.write_bytes(damaged)
        with pytest.raises(CatalogError, match="damaged or no Parquet file"):
            Catalog.read(path)


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_odd_letters_reach_neither_a_terminal_nor_get_lost(
    shop: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    odd = [NAMES[at % len(NAMES)] for at in range(len(table))]
    path = shop.with_suffix(".jsonl")
    rows = table.with_columns(sleeve=pl.Series(odd)).to_dicts()
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    result = command("fit", path, "--out", tmp_path / "run", "--min-positives", "1")
    told = result.stderr
    for letter in told:
        assert letter == "\n" or letter.isprintable() or letter in "\u200b\u200d", hex(ord(letter))
    assert "differ by case" in told
    result = command("inspect", path, "--json")
    assert json.loads(result.stdout)["products"] == 120
    # Blanks are removed around a value, of which a byte order mark is none.
    labels = {f"sleeve:{name}" for name in NAMES}
    assert labels <= set(Catalog.read(path).space.labels)
    command("predict", tmp_path / "run", path, "--out", tmp_path / "out.jsonl")
    found = {json.loads(line)["label"] for line in (tmp_path / "out.jsonl").open(newline="\n")}
    assert labels <= found
