from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from longtailor import Detector
from longtailor.samples.catalogue import SMALLEST

OBJECTIVES = ("none", "inverse_frequency", "effective_number")


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from longtailor.cli.main import main; main()", "demo", *arguments],
        cwd=folder,
        env={**os.environ, "LONGTAILOR_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_the_demo_shows_three_objectives_and_can_be_run_again(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--products", "200")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "longtailor-demo"
    assert sorted(file.name for file in out.iterdir()) == sorted(
        ["catalog", "contact_sheet.png", "demo.html", "demo.json", "run.json", *OBJECTIVES]
    )
    figures = json.loads((out / "demo.json").read_text())
    assert list(figures) == list(OBJECTIVES)
    first_line = done.stdout.splitlines()[0].split()
    assert first_line == list(OBJECTIVES)
    for name in OBJECTIVES:
        metrics = json.loads((out / name / "metrics.json").read_text())
        assert metrics["test"] == figures[name]
        assert f"{figures[name]['map']:.3f}" in done.stdout
        assert "sleeve:puff" in Detector.load(out / name).space.labels
        assert json.loads((out / name / "run.json").read_text())["status"] == "finished"
    # Neither hopeless nor trivial, even with a sixth of the products that it takes by itself.
    assert 0.3 < figures["none"]["map"] < 0.98
    assert len(list((out / "catalog" / "images").iterdir())) == 200
    with Image.open(out / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 300
    page = (out / "demo.html").read_text()
    assert not re.search(r"https?://|<script", page)
    for link in re.findall(r'href="([^"#:]+)"', page):
        assert (out / link).is_file()
    assert "contact_sheet.png" in done.stderr
    assert "Traceback" not in done.stderr

    again = run_demo(tmp_path, "--products", "200")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    assert not (tmp_path / "longtailor-demo.1").exists()


def test_too_few_products_are_wrong_usage_and_write_nothing(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--products", str(SMALLEST - 1))
    assert done.returncode == 2
    assert str(SMALLEST) in done.stderr
    assert not (tmp_path / "longtailor-demo").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = run_demo(tmp_path, "--out", "mine")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "holds no run" in done.stderr
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
