"""Ctrl-C and kill in each stage: what was finished is kept, and the same command finishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from longtailor.cli.main import app
from longtailor.encoders import EmbeddingCache

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

SCRIPT = """
import importlib.util, os, signal, sys, time
from pathlib import Path
import pytest
# A shell that started the tests in the background made them deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
spec = importlib.util.spec_from_file_location("conftest", {conftest!r})
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)
patch = pytest.MonkeyPatch()
encoder = conftest.light_encoder.__wrapped__(patch, Path({tmp!r}))
patch.setattr("longtailor.runs.fit.build_report", lambda *args: "<p>")
{more}
sys.argv = ["longtailor", *{arguments!r}]
from longtailor.cli.main import main
main()
"""

SLOW = """
embed = conftest.Thumbnails.__call__
def slow(self, batch):
    print("embedding", flush=True)
    time.sleep(0.5)
    return embed(self, batch)
conftest.Thumbnails.__call__ = slow
from longtailor.encoders import embed as e
blocks = e._embed_blocks
patch.setattr(e, "_embed_blocks", lambda *args: blocks(*args[:3], 16))
"""

KILL = """
from longtailor.scoring import output
from longtailor.scoring.shards import Shards
output.SHARD = 10
put = Shards.put
def kill(self, number, *args):
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, number, *args)
Shards.put = kill
"""


def script(tmp_path: Path, more: str, *arguments: object) -> list[str]:
    conftest = Path(__file__).parents[1] / "conftest.py"
    text = SCRIPT.format(
        conftest=str(conftest), tmp=str(tmp_path), more=more, arguments=[str(a) for a in arguments]
    )
    return [sys.executable, "-c", text]


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def figures(run: Path) -> list[bytes]:
    return [(run / name).read_bytes() for name in ("metrics.json", "labels.csv")]


def status(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["status"])


@pytest.mark.parametrize(
    ("where", "embedded"),
    [
        ("longtailor.runs.fit.Catalog.read", False),
        ("longtailor.fitting.embedded.with_splits", True),
        ("longtailor.fitting.classifier.fit_classifier", True),
        ("longtailor.fitting.classifier.choose_thresholds", True),
        ("longtailor.fitting.fitted.evaluate", True),
        ("longtailor.runs.fit.write_labels", True),
        ("longtailor.runs.fit.build_report", True),
        ("longtailor.runs.fit.close_run", True),
    ],
)
def test_an_interrupted_fit_goes_on(
    shop: Path,
    tmp_path: Path,
    light_encoder: Any,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    embedded: bool,
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupt)
        result = call("fit", shop, "--out", run)
    assert result.exit_code == 130
    assert result.stdout == ""
    assert result.stderr.startswith("longtailor: interrupted")
    assert result.stderr.count("\n") == 1
    assert not run.exists() or status(run) == "running"
    with EmbeddingCache() as cache:
        assert sum(encoder.embeddings for encoder in cache.encoders()) == (120 if embedded else 0)
    assert call("fit", shop, "--out", run).exit_code == 0
    assert status(run) == "finished"
    assert call("fit", shop, "--out", tmp_path / "undisturbed").exit_code == 0
    assert figures(run) == figures(tmp_path / "undisturbed")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_real_interruption_while_embedding_keeps_what_was_embedded(
    shop: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(
        script(tmp_path, SLOW, "fit", shop, "--out", run),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # While the fourth batch is embedded, the second is kept for sure.
    for _ in range(4):
        assert process.stdout.readline() == "embedding\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith("longtailor: interrupted")
    assert told.count("\n") == 1
    with EmbeddingCache() as cache:
        kept = sum(encoder.embeddings for encoder in cache.encoders())
    assert 32 <= kept < 120
    assert kept % 16 == 0
    assert call("fit", shop, "--out", run, "--resume").exit_code == 0
    assert call("fit", shop, "--out", tmp_path / "undisturbed").exit_code == 0
    assert figures(run) == figures(tmp_path / "undisturbed")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_prediction_resumes_and_ends_as_if_undisturbed(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = tmp_path / "run", tmp_path / "out.csv"
    assert call("fit", shop, "--out", run).exit_code == 0
    killed = subprocess.run(
        script(tmp_path, KILL, "predict", run, shop, "--out", out), capture_output=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    scored = [path.name for path in (tmp_path / ".out.csv.parts").glob("????????.parquet")]
    assert len(scored) == 5
    monkeypatch.setattr("longtailor.scoring.output.SHARD", 10)
    result = call("predict", run, shop, "--out", out, "--resume")
    assert (result.exit_code, result.stdout) == (0, "")
    other = tmp_path / "undisturbed.csv"
    assert call("predict", run, shop, "--out", other).exit_code == 0
    assert out.read_bytes() == other.read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("stage", ["local.embed_inputs", "output.ShardedOutput.finish"])
def test_an_interrupted_prediction_writes_nothing_half(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    run, out = tmp_path / "run", tmp_path / "out.jsonl"
    assert call("fit", shop, "--out", run).exit_code == 0

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"longtailor.scoring.{stage}", interrupt)
        result = call("predict", run, shop, "--out", out)
    assert result.exit_code == 130
    assert result.stderr.count("\n") == 1
    assert not out.exists()
    assert call("predict", run, shop, "--out", out, "--resume").exit_code == 0
    assert out.exists()


def test_an_interrupted_evaluation(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert call("fit", shop, "--out", run).exit_code == 0

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("longtailor.runs.evaluate.embed_inputs", interrupt)
        result = call("evaluate", run, shop, "--json")
    assert (result.exit_code, result.stdout) == (130, "")
    assert json.loads(call("evaluate", run, shop, "--json").stdout) == {
        "test": json.loads((run / "metrics.json").read_text())["test"]
    }
