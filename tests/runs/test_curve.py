from __future__ import annotations

import json
from pathlib import Path

import pytest

from longtailor.errors import UsageError
from longtailor.runs.curve import curve_run
from longtailor.runs.fit import Source
from longtailor.studies.curve import CurveOptions

pytestmark = pytest.mark.usefixtures("light_encoder")


def test_the_folder_of_a_curve(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    options = CurveOptions(
        ("none", "asl"), (0.4, 1.0), seeds=2, labels=("sleeve:short",), positives=(2, 5)
    )
    curve = curve_run(Source(shop), out, options)
    assert curve is not None
    assert sorted(file.name for file in out.iterdir()) == [
        "curve.html",
        "curve.json",
        "fits",
        "run.json",
    ]
    assert json.loads((out / "curve.json").read_text())["headline"] == curve.headline
    assert "sleeve:short" in (out / "curve.html").read_text()
    record = json.loads((out / "run.json").read_text())
    assert record["command"] == "curve"
    assert record["configuration"]["budgets"] == [0.4, 1.0]
    assert record["configuration"]["labels"] == ["sleeve:short"]
    assert len(list((out / "fits").iterdir())) == 2 * 2 * (2 + 2)
    assert curve_run(Source(shop), out, options, resume=True) is None


def test_an_unknown_label_displaces_no_earlier_study(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    curve_run(Source(shop), out, CurveOptions(("none",), (1.0,), seeds=1))
    before = (out / "curve.json").read_bytes()
    with pytest.raises(UsageError, match="balloon"):
        curve_run(Source(shop), out, CurveOptions(("none",), (1.0,), labels=("sleeve:balloon",)))
    assert (out / "curve.json").read_bytes() == before
    assert not list(tmp_path.glob("study.*"))
