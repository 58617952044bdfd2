from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app


@pytest.mark.usefixtures("light_encoder")
def test_what_annotations_changed_is_told_and_reported(shop: Path, tmp_path: Path) -> None:
    rows = [{"id": f"p{number}", "detail": "!<b>bow</b>|!bow|frill"} for number in range(20)]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["fit", str(shop), "--out", str(tmp_path / "run"), "--objective", "none"]
    done = CliRunner().invoke(app, [*command, "--annotations", str(file)])
    assert done.exit_code == 0, done.output
    said = done.stderr
    assert "skipped, listed in" in said
    assert "positive to negative" in said
    assert "are in test, which keeps the labels that it had" in said
    assert "test map without them 0." in said
    report = (tmp_path / "run" / "report.html").read_text()
    assert "What the annotations changed" in report
    assert "mAP, test cells as decided" in report
    assert "<b>bow" not in report
