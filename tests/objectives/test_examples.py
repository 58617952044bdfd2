"""Each example runs, and its rare label is found; a missing library is a skip."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("objectives_*.py"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, capsys):
    try:
        runpy.run_path(str(path), run_name="__main__")
    except SystemExit as leaving:
        if leaving.code:
            raise
        pytest.skip(capsys.readouterr().out.strip())
    shown = capsys.readouterr().out
    assert "at 0.5" in shown
    assert re.search(r"\d\.\d", shown)


@pytest.mark.parametrize("library", ["lightning", "transformers", "lightgbm"])
def test_a_missing_library_is_said_and_no_failure(library, monkeypatch, capsys):
    path = next(path for path in EXAMPLES if library in path.stem)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SystemExit) as leaving:
        runpy.run_path(str(path), run_name="__main__")
    assert not leaving.value.code
    assert "pip install" in capsys.readouterr().out


def test_they_are_one_page_each():
    assert len(EXAMPLES) == 6
    assert all(len(path.read_text().splitlines()) <= 90 for path in EXAMPLES)
