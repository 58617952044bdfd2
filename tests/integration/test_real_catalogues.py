"""The main job on real catalogues, with the real encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app

pytestmark = pytest.mark.slow


def fit(shared_data: Path, name: str, run: Path, *options: str) -> dict[str, Any]:
    catalog = shared_data / name / "catalog.csv"
    result = CliRunner().invoke(app, ["fit", str(catalog), "--out", str(run), *options])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return found


def test_deepfashion6_reaches_the_stated_figures(shared_data: Path, tmp_path: Path) -> None:
    metrics = fit(
        shared_data, "deepfashion6", tmp_path, "--objective", "effective_number:beta=0.999"
    )
    assert metrics["test"]["map"] >= 0.60
    assert metrics["test"]["f1_macro_at_half"] >= 0.55
    assert metrics["test"]["products"] == 1000


def test_tshirts_with_unknown_cells(shared_data: Path, tmp_path: Path) -> None:
    metrics = fit(shared_data, "tshirts_partial", tmp_path)
    assert metrics["test"]["map"] > 0.60
    labels = pl.read_csv(tmp_path / "labels.csv")
    assert labels["train_unknown"].sum() > 0
    known = labels["train_positive"] + labels["train_negative"] + labels["train_unknown"]
    assert known.n_unique() == 1
    catalog = str(shared_data / "tshirts_partial" / "catalog.csv")
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path), catalog, "--json"])
    assert json.loads(result.stdout)["test"] == metrics["test"]
