from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.fitting import FitOptions
from longtailor.labels import Bands
from longtailor.runs.fit import Source, fit_run
from longtailor.runs.suggest import suggest_run

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

ATTRIBUTES = ("sleeve", "pattern", "detail")


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    fit_run(Source(shop), tmp_path / "run", FitOptions(bands=Bands(50, 10)))
    return tmp_path / "run"


@pytest.fixture
def half(shop: Path) -> Path:
    """The shop, all labels of every second product unknown, and the pattern of two others."""
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    row = pl.int_range(pl.len())
    blank = dict.fromkeys(ATTRIBUTES, row % 2 == 0)
    blank["pattern"] |= row.is_in([1, 3])
    path = shop.with_name("half.csv")
    table.with_columns(
        pl.when(where).then(pl.lit("")).otherwise(pl.col(name)).alias(name)
        for name, where in blank.items()
    ).write_csv(path)
    return path


def read(path: Path) -> pl.DataFrame:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path)
        case ".jsonl":
            return pl.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
        case _:
            return pl.read_parquet(path)


def test_each_format_holds_products_most_useful_first(half: Path, run: Path, tmp_path: Path):
    tables = []
    for suffix in ("csv", "jsonl", "parquet"):
        out = tmp_path / "new" / f"next.{suffix}"
        found = suggest_run(run, half, out, 12)
        tables.append(read(out))
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    table = tables[0]
    assert table.columns == ["id", "image", "score", "labels"]
    assert len(table) == 12
    assert (found.products, found.candidates) == (120, 62)
    regular = table["score"][: 12 - found.suggestion.near_duplicates]
    assert regular.is_sorted(descending=True)
    rows = dict(pl.read_csv(half).select("id", "image").iter_rows())
    assert all(rows[product] == image for product, image in table.select("id", "image").iter_rows())


def test_products_that_are_known_are_no_candidates(half: Path, run: Path, tmp_path: Path):
    out = tmp_path / "all.csv"
    found = suggest_run(run, half, out, 1000)
    source = pl.read_csv(half, infer_schema=False).fill_null("")
    known = source.filter(pl.all_horizontal(pl.col(*ATTRIBUTES) != ""))
    # Every product with a cell that is unknown is there, and no other.
    assert set(read(out)["id"]) == set(source["id"]) - set(known["id"])
    assert len(read(out)) == found.candidates


def test_labels_are_rare_ones_that_are_unknown(half: Path, run: Path, tmp_path: Path):
    out = tmp_path / "next.csv"
    found = suggest_run(run, half, out, 30)
    tail = pl.read_csv(run / "labels.csv").filter(pl.col("band") == "tail")["label"].to_list()
    assert (found.band, found.labels) == ("tail", len(tail))
    told = read(out)["labels"].drop_nulls().str.split("|").explode()
    told = told.filter(told != "")
    assert len(told)
    assert set(told) <= set(tail)
    suggest_run(run, half, out, 1000)
    of = read(out).filter(pl.col("id").is_in(["p1", "p3"]))
    assert len(of) == 2
    assert all("pattern" in text or not text for text in of["labels"].fill_null(""))


def test_a_catalogue_without_any_label_is_all_candidates(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    path = shop.with_name("new.csv")
    pl.read_csv(shop).select("id", "image").write_csv(path)
    assert suggest_run(run, path, tmp_path / "next.csv", 5).candidates == 120


def test_tags_say_what_is_unknown(shop: Path, run: Path, tmp_path: Path) -> None:
    images = pl.read_csv(shop)["image"].to_list()[:4]
    rows = ["image,labels", *(f"{image},?" for image in images[:3]), f"{images[3]},sleeve:cap"]
    path = shop.with_name("tags.csv")
    path.write_text("\n".join(rows) + "\n")
    # What no tag ever mentions is unknown, and `sleeve` is known of the last product alone.
    assert suggest_run(run, path, tmp_path / "next.csv", 9).candidates == 4


def test_what_cannot_be_used_is_listed(half: Path, run: Path, tmp_path: Path) -> None:
    (half.parent / "images" / "000.png").write_bytes(b"")
    out = tmp_path / "next.csv"
    found = suggest_run(run, half, out, 5)
    assert (found.products, found.candidates) == (119, 61)
    assert (tmp_path / "next.skipped.csv").read_text().count("\n") == 2
    with pytest.raises(CatalogError, match=r"000\.png.*strict"):
        suggest_run(run, half, out, 5, strict=True)


def test_mistakes_are_told(shop: Path, half: Path, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "next.csv"
    with pytest.raises(UsageError, match=r"next\.xls: use one of"):
        suggest_run(run, half, tmp_path / "next.xls", 5)
    with pytest.raises(UsageError, match="--budget 0"):
        suggest_run(run, half, out, 0)
    with pytest.raises(UsageError, match="--strategy best"):
        suggest_run(run, half, out, 5, strategy="best")
    with pytest.raises(UsageError, match="is the catalogue"):
        suggest_run(run, half, half, 5)
    with pytest.raises(LongtailorError, match="holds no detector"):
        suggest_run(tmp_path, half, out, 5)
    full = shop.with_name("full.csv")
    pl.read_csv(shop, infer_schema=False).filter(pl.col("pattern") != "").write_csv(full)
    with pytest.raises(CatalogError, match="is known already of every product"):
        suggest_run(run, full, out, 5)
    (run / "labels.csv").unlink()
    with pytest.raises(LongtailorError, match=r"labels\.csv is missing or damaged"):
        suggest_run(run, half, out, 5)
    assert not out.exists()
