from __future__ import annotations

import json
from pathlib import Path

import pytest

from longtailor.errors import UsageError
from longtailor.fitting import FitOptions
from longtailor.runs.compare import compare_run
from longtailor.runs.fit import Source
from longtailor.studies.compare import CompareOptions

pytestmark = pytest.mark.usefixtures("light_encoder")

OPTIONS = CompareOptions(("none", "inverse_frequency"), seeds=2)


def test_the_folder_of_a_comparison(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    shop.write_text(shop.read_text() + "gone,images/gone.png,long,plain,-\n")
    comparison = compare_run(Source(shop), out, OPTIONS)
    assert comparison is not None
    assert sorted(file.name for file in out.iterdir()) == [
        "comparison.html",
        "comparison.json",
        "fits",
        "run.json",
        "skipped.csv",
    ]
    assert json.loads((out / "comparison.json").read_text())["headline"] == comparison.headline
    assert "inverse_frequency" in (out / "comparison.html").read_text()
    record = json.loads((out / "run.json").read_text())
    assert record["command"] == "compare"
    assert record["products_skipped"] == 1
    assert {(fit["objective"], fit["seed"]) for fit in record["fits"]} == {
        (name, seed) for name in OPTIONS.objectives for seed in (0, 1)
    }
    assert all(fit["attributes"] == ["sleeve", "pattern", "detail"] for fit in record["fits"])
    assert set(record["durations"]) >= {"read", "embed", "fit", "measure", "write"}
    assert compare_run(Source(shop), out, OPTIONS, resume=True) is None


def test_unknown_objectives_are_refused_before_the_catalogue_is_read(tmp_path: Path) -> None:
    options = CompareOptions(("none", "nothing"))
    with pytest.raises(UsageError, match="nothing"):
        compare_run(Source(tmp_path / "missing.csv"), tmp_path / "study", options)
    assert not (tmp_path / "study").exists()


def test_parts_that_do_not_combine_displace_no_earlier_study(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    compare_run(Source(shop), out, OPTIONS)
    before = (out / "comparison.json").read_bytes()
    wrong = CompareOptions(("none", "softmax+distribution_balanced"), fit=FitOptions())
    with pytest.raises(UsageError, match="do not combine"):
        compare_run(Source(shop), out, wrong)
    assert (out / "comparison.json").read_bytes() == before
    assert not list(tmp_path.glob("study.*"))
