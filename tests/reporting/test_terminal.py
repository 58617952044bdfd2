from __future__ import annotations

import pytest

from longtailor.reporting.terminal import print_figures

SUMMARY: dict[str, float | int | None] = {
    "map": 0.51234,
    "map_head": None,
    "map_medium": 0.0,
    "map_tail": 1.0,
    "f1_macro": 0.4,
    "f1_macro_tail": 0.3,
    "f1_macro_at_half": 0.2,
    "f1_macro_tail_at_half": None,
    "ece_corrected": 0.0123,
    "products": 12345,
    "labels_scored": 1200,
    "labels_scored_head": 300,
    "labels_scored_medium": 400,
    "labels_scored_tail": 500,
    "labels_skipped": 1001,
}


def test_figures_stand_side_by_side_and_null_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures({"none": SUMMARY, "effective_number": {**SUMMARY, "map": 0.9}}, "val")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["none", "effective_number"]
    assert lines[1].split() == ["mAP", "0.512", "0.900"]
    assert lines[2].split() == ["mAP,", "head", "–", "–"]
    assert lines[3].split()[-1] == "0.000"
    assert lines[-1] == (
        "12,345 products (val); 1,200 labels measured (head 300, medium 400, tail 500), "
        "1,001 without a positive"
    )
    assert err == ""
    assert "\x1b" not in out
