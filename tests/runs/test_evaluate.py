from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.fitting import FitOptions
from longtailor.runs.evaluate import evaluate_run
from longtailor.runs.fit import Source, fit_run

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    fit_run(Source(shop), tmp_path / "run", FitOptions(seed=1))
    return tmp_path / "run"


def metrics(run: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((run / "metrics.json").read_text())
    return found


def cells(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False).fill_null("")


def test_the_catalogue_of_the_fit_gives_the_figures_of_the_fit(shop: Path, run: Path) -> None:
    measured = evaluate_run(run, shop)
    assert (measured.split, measured.notes) == ("test", [])
    assert measured.evaluation.summary == metrics(run)["test"]
    assert evaluate_run(run, shop, split="val").evaluation.summary == metrics(run)["val"]


def test_it_does_so_with_products_left_out_and_attributes_picked(
    shop: Path, tmp_path: Path
) -> None:
    (shop.parent / "images" / "004.png").write_bytes(b"")
    (shop.parent / "images" / "009.png").unlink()
    source = Source(shop, attributes=["sleeve", "detail"])
    fit_run(source, tmp_path / "run", FitOptions(min_positives=3))
    measured = evaluate_run(tmp_path / "run", shop)
    assert measured.evaluation.summary == metrics(tmp_path / "run")["test"]
    assert [note for note in measured.notes if "004.png: the file is empty" in note]
    assert [note for note in measured.notes if "row 11" in note]
    assert [note for note in measured.notes if "sleeve:puff" in note]
    with pytest.raises(CatalogError, match="row 11"):
        evaluate_run(tmp_path / "run", shop, strict=True)


def test_all_splits_together_are_all_products(shop: Path, run: Path) -> None:
    sizes = [
        evaluate_run(run, shop, split=split).evaluation.summary["products"]
        for split in ("train", "val", "test", "all")
    ]
    assert sum(size or 0 for size in sizes[:3]) == sizes[3] == 120


def test_another_catalogue_is_measured_whole_and_that_is_said(
    make_shop, tmp_path: Path, run: Path
) -> None:
    other = make_shop(tmp_path / "other", {"short": 10, "puff": 5}, seed=7)
    measured = evaluate_run(run, other)
    assert measured.split == "all"
    assert measured.evaluation.summary["products"] == 15
    assert any("may have learned from" in note for note in measured.notes)
    # Of the sleeves only two are there, and both are.
    space = measured.evaluation.statistics
    assert space.positive.sum() >= 15
    cells(other).with_columns(split=pl.Series(["val", "test", "test"] * 5)).write_csv(other)
    measured = evaluate_run(run, other)
    assert (measured.split, measured.evaluation.summary["products"]) == ("test", 10)
    assert measured.notes == []
    with pytest.raises(LongtailorError, match=r"no product in the split 'train'.*--split"):
        evaluate_run(run, other, split="train")


def test_labels_that_the_detector_does_not_know_are_listed(shop: Path, run: Path) -> None:
    table = cells(shop)
    changed = table.with_columns(sleeve=pl.col("sleeve").replace({"puff": "leg_of_mutton"}))
    changed.with_columns(season=pl.lit("summer")).write_csv(shop)
    measured = evaluate_run(run, shop, split="all")
    unknown = [note for note in measured.notes if "does not know" in note]
    assert unknown == [
        "2 labels that the detector does not know are left out: sleeve:leg_of_mutton, season:summer"
    ]


@pytest.mark.parametrize("picked", [None, ["sleeve", "pattern"]])
def test_an_attribute_that_is_missing_is_unknown(
    shop: Path, tmp_path: Path, picked: list[str] | None
) -> None:
    fit_run(Source(shop, attributes=picked), tmp_path / "run", FitOptions())
    other = shop.with_name("other.csv")
    cells(shop).drop("pattern").write_csv(other)
    whole = evaluate_run(tmp_path / "run", shop, split="all")
    part = evaluate_run(tmp_path / "run", other, split="all")
    assert "not in the catalogue, so not measured: pattern" in part.notes
    patterns = np.isnan(part.evaluation.ap)
    assert patterns.sum() == 2
    np.testing.assert_array_equal(part.evaluation.ap[~patterns], whole.evaluation.ap[~patterns])
    cells(shop).select("id", "image", colour="sleeve").write_csv(other)
    with pytest.raises(CatalogError, match="attribute"):
        evaluate_run(tmp_path / "run", other)


def test_what_cannot_be_measured_is_one_error(shop: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--split 'tset': use train, val, test or all"):
        evaluate_run(run, shop, split="tset")
    with pytest.raises(LongtailorError, match="holds no detector"):
        evaluate_run(tmp_path, shop)
    for image in (shop.parent / "images").iterdir():
        image.write_bytes(b"")
    with pytest.raises(
        CatalogError, match=r"row 2: .*the file is empty \(no product has a usable im"
    ):
        evaluate_run(run, shop)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"configuration": {}}'])
def test_a_damaged_record_is_one_error(shop: Path, run: Path, content: str) -> None:
    (run / "run.json").write_text(content)
    with pytest.raises(LongtailorError, match=r"run\.json is"):
        evaluate_run(run, shop)


@pytest.mark.parametrize("content", [None, "", "label,band\nsleeve:puff,tail\n", "a,b\n1,2\n"])
def test_a_damaged_table_of_labels_is_one_error(shop: Path, run: Path, content: str | None) -> None:
    (run / "labels.csv").unlink()
    if content is not None:
        (run / "labels.csv").write_text(content)
    with pytest.raises(LongtailorError, match=r"labels\.csv is missing or damaged"):
        evaluate_run(run, shop)
