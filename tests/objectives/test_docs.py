"""The pages under docs/objectives say what the docstrings say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from longtailor.objectives import names

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(DOCS / "make_objectives.py"))


def test_pages_are_up_to_date(script):
    for file, text in script["pages"]().items():
        written = (DOCS / "objectives" / file).read_text(encoding="utf-8")
        assert written == text, "run python docs/make_objectives.py"


def test_every_page_has_its_plot(script, tmp_path):
    assert all((DOCS / "objectives" / f"{name}.png").stat().st_size < 20_000 for name in names())
    script["plot"]("asl", tmp_path / "asl.png")
    assert (tmp_path / "asl.png").stat().st_size > 1000


def test_slopes_are_those_of_the_loss(script):
    import torch

    objective = script["example"]("none")
    found = script["slopes"](objective, 1, torch.tensor([0.0, 2.0]), positive=False)
    assert found == pytest.approx(torch.tensor([0.0, 2.0]).sigmoid().tolist())
