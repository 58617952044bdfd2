"""What we write as CSV runs nothing in a spreadsheet, and comes back as it was."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from longtailor.catalog.tables import read_table

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?")


def assert_no_formula(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert len(rows) > 1
    for row in rows:
        assert len(row) == len(rows[0])
        for cell in row:
            starts = cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
            assert not starts or NUMBER.fullmatch(cell), (path.name, cell)
    return rows


def test_no_table_holds_a_formula_and_names_come_back(
    evil_shop: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    ids = pl.read_ndjson(evil_shop)["id"].to_list()
    run = tmp_path / "run"
    command("fit", evil_shop, "--out", run, "--min-positives", "1")
    command("inspect", evil_shop, "--out", tmp_path / "inspection", "--label-errors")
    labels = read_table(run / "labels.csv").frame["label"].to_list()
    assert "=1+1:stripes" in labels
    assert "sleeve:=cmd" in labels

    # New products: some have no labels, and some images are gone.
    table = pl.read_ndjson(evil_shop).with_columns(
        pl.lit("").alias("sleeve"),
        pl.when(pl.int_range(pl.len()) % 40 == 3)
        .then(pl.lit("=gone()"))
        .otherwise("image")
        .alias("image"),
    )
    products = evil_shop.with_name("new.jsonl")
    table.write_ndjson(products)
    for name in ("predictions.csv", "predictions.parquet"):
        command("predict", run, products, "--out", tmp_path / name)
    command("suggest", run, products, "--budget", "110", "--out", tmp_path / "next.csv")
    command("evaluate", run, evil_shop)

    for path in (
        run / "labels.csv",
        tmp_path / "inspection" / "label_errors.csv",
        tmp_path / "predictions.csv",
        tmp_path / "predictions.skipped.csv",
        tmp_path / "next.csv",
    ):
        assert_no_formula(path)
    whole = pl.read_parquet(tmp_path / "predictions.parquet")
    assert set(whole["id"]) < set(ids)
    assert whole["id"].n_unique() == 117
    for name in ("id", "image", "label"):
        back = read_table(tmp_path / "predictions.csv").frame[name]
        assert back.to_list() == whole[name].to_list()
    suggested = read_table(tmp_path / "next.csv").frame
    assert set(suggested["id"]) < set(ids)
    # What was suggested is annotated in the same file, and learned.
    annotated = evil_shop.with_name("annotated.csv")
    text = (tmp_path / "next.csv").read_text().replace("labels\n", "notes\n", 1)
    lines = list(csv.reader(text.splitlines(keepends=True)))
    with annotated.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*lines[0], "sleeve"])
        writer.writerows([[*line, ("puff", "cap")[at % 2]] for at, line in enumerate(lines[1:])])
    command("fit", annotated, "--out", tmp_path / "again", "--attributes", "sleeve", "--strict")


def test_what_is_skipped_is_told_without_a_formula(
    evil_shop: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    table = pl.read_ndjson(evil_shop).with_columns(
        pl.when(pl.int_range(pl.len()) == 7)
        .then(pl.lit("=HYPERLINK(1)"))
        .otherwise("image")
        .alias("image"),
    )
    table.write_ndjson(evil_shop)
    result = command("fit", evil_shop, "--out", tmp_path / "run", "--min-positives", "1")
    assert "1 skipped" in result.stderr
    assert len(assert_no_formula(tmp_path / "run" / "skipped.csv")) == 2
