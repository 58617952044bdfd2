from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from longtailor import Catalog
from longtailor.catalog.annotations import lay_over
from longtailor.catalog.splits import with_splits
from longtailor.cli.main import app
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import FitOptions
from longtailor.runs.fit import Source, fit_run
from longtailor.serving.review.open import load_review


def test_splits_are_those_that_the_fit_carved(
    light_encoder: Any, no_report: None, shop: Path, tmp_path: Path
) -> None:
    fit_run(Source(shop), tmp_path / "run", FitOptions(objective="none", seed=3))
    review = load_review(tmp_path / "run", shop, tmp_path / "d.jsonl")
    assert review.split.tolist() == with_splits(Catalog.read(shop), 3).split.tolist()
    assert review.held_out_name == "val and test"
    assert review.held_out.tolist() == (review.split != "train").tolist()
    np.testing.assert_array_equal(np.sort(review.thresholds), np.sort(review.thresholds).clip(0, 1))


def test_only_test_is_held_out_where_the_recipe_learned_from_val(desk: Any) -> None:
    record = json.loads((desk.run / "run.json").read_text())
    record["configuration"]["objective"] = "auto"
    (desk.run / "run.json").write_text(json.dumps(record))
    review = desk.review()
    assert review.held_out_name == "test"
    assert review.held_out.tolist() == (review.split == "test").tolist()


def test_a_catalogue_without_labels_or_ids_can_be_reviewed(desk: Any) -> None:
    plain = desk.catalog.with_name("plain.csv")
    pl.read_csv(desk.catalog).select("image").write_csv(plain)
    review = load_review(desk.run, plain, desk.annotations)
    assert (review.matrix == -1).all()
    assert review.held_out.all()
    assert "not the catalogue of the fit" in review.held_out_name
    at = review.space.labels.index("detail:bow")
    review.decisions.decide(4, at, "yes")
    (row,) = desk.rows()
    assert "id" not in row
    assert row["image"] == "images/004.png"
    laid = lay_over(Catalog.read(desk.catalog), desk.annotations)
    assert np.flatnonzero(laid.decided).tolist() == [4]


def test_products_that_cannot_be_used_are_counted(desk: Any) -> None:
    (desk.catalog.parent / "images" / "007.png").write_bytes(b"")
    (desk.catalog.parent / "images" / "008.png").unlink()
    review = desk.review()
    assert len(review.ids) == 118
    assert review.notes == ["2 rows of the catalogue cannot be used and are not shown"]
    assert review.images[7] is not None
    assert review.images[7].name == "009.png"


def test_what_makes_no_sense_is_told(desk: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the catalogue"):
        load_review(desk.run, desk.catalog, desk.catalog)
    with pytest.raises(UsageError, match=r"a \.jsonl file"):
        load_review(desk.run, desk.catalog, tmp_path / "d.csv")
    with pytest.raises(LongtailorError, match="holds no run"):
        load_review(tmp_path, desk.catalog, desk.annotations)
    done = CliRunner().invoke(app, ["serve", str(desk.run), "--review", str(desk.catalog)])
    assert done.exit_code == 2
    assert "--review and --annotations belong together" in done.stderr
