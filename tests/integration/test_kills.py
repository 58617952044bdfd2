"""Commands killed at random moments and resumed: the short version of benchmarks/kills.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are tried on forks")
def test_killed_commands_end_as_undisturbed_ones() -> None:
    command = [sys.executable, str(SCRIPT), "--kills", "4", "--kinds", "fit,predict"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    # command, seconds, "s", kills, ends, most, bad
    assert [(row[0], int(row[3]) >= 2, row[-1]) for row in rows] == [
        ("fit", True, "0"),
        ("predict", True, "0"),
    ]
