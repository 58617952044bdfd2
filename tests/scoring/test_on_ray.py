from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from longtailor import Detector
from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders import load_encoder
from longtailor.errors import LongtailorError, UsageError
from longtailor.labels import LabelSpace
from longtailor.runs.predict import predict_run
from longtailor.scoring.local import ScoreOptions
from longtailor.scoring.on_ray import ShardScorer
from longtailor.scoring.shards import Shards

PREDICT = """
from longtailor.scoring import output
from longtailor.cli.main import main
output.SHARD = 6
main()
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drawn detector with the default encoder, which workers can load too."""
    monkeypatch.setenv("LONGTAILOR_BACKEND", "torch")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LONGTAILOR_CORES", "2")
    encoder = load_encoder()
    weight = torch.randn((5, encoder.dim), generator=torch.Generator().manual_seed(0))
    detector = Detector(
        LabelSpace([f"a:{number}" for number in range(5)], ["a"]),
        LinearClassifier(weight, torch.zeros(5), [Block(encoder.dim)]),
        np.full(5, 0.5),
        {"image": encoder},
        {"name": "none", "settings": {}},
    )
    detector.save(tmp_path / "run" / "detector")
    return tmp_path / "run"


def workers_of(process: int) -> list[int]:
    """Give the Ray processes below a process that score shards."""
    psutil = pytest.importorskip("psutil")
    found = []
    for child in psutil.Process(process).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ShardScorer" in " ".join(child.cmdline()):
                found.append(child.pid)
    return found


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_changes_nothing(
    make_shop: Callable[..., Path], run: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    shop = make_shop(tmp_path / "shop")
    for number in (3, 90):
        (shop.parent / "images" / f"{number:03d}.png").write_bytes(b"no image")
    predict_run(run, [shop], tmp_path / "local.csv")

    out = tmp_path / "out.csv"
    arguments = ["predict", str(run), str(shop), "--out", str(out), "--engine", "ray"]
    with subprocess.Popen(
        [sys.executable, "-c", PREDICT, *arguments],
        env={**os.environ, "RAY_OVERRIDE_RESOURCES": '{"CPU": 2}'},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        shards = Shards(tmp_path / ".out.csv.parts")
        wait_for(lambda: len(workers_of(process.pid)) == 2, process)
        wait_for(lambda: any(map(shards.has, range(20))), process)
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        assert not all(map(shards.has, range(20)))
        _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    skips, scored = told.splitlines()
    assert skips == f"2 skipped, listed in {tmp_path / 'out.skipped.csv'}"
    assert scored == f"scored 118 products: {out}"
    assert out.read_bytes() == (tmp_path / "local.csv").read_bytes()
    skipped = (tmp_path / "out.skipped.csv").read_bytes()
    assert skipped == (tmp_path / "local.skipped.csv").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_an_error_in_a_worker_is_told_in_one_line(run: Path, tmp_path: Path) -> None:
    scorer = ShardScorer(run, tmp_path / "parts", None, ScoreOptions())
    told = scorer({"shard": np.array([4])})
    assert told["shard"] == [4]
    assert "00000004.products.parquet is damaged or gone" in told["error"][0]
    assert "\n" not in told["error"][0]


def test_a_worker_takes_one_core_and_leaves_what_is_done(run: Path, tmp_path: Path) -> None:
    shards = Shards(tmp_path / "parts")
    shards.folder.mkdir()
    shards.results(1).write_bytes(b"as it was")
    assert ShardScorer(run, shards.folder, None, ScoreOptions())({"shard": [1]})["error"] == [""]
    assert os.environ["LONGTAILOR_CORES"] == "1"
    assert shards.results(1).read_bytes() == b"as it was"


def test_without_ray_it_says_what_to_install(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LongtailorError, match=r"pip install 'longtailor\[ray\]'"):
        predict_run(run, [shop], tmp_path / "out.csv", engine="ray")
    with pytest.raises(UsageError, match="--engine spark: use local or ray"):
        predict_run(run, [shop], tmp_path / "out.csv", engine="spark")
