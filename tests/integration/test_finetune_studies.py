"""Networks trained end to end in studies, and the recipe `auto` after a fine-tuning."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import longtailor
from longtailor import Catalog
from longtailor.cli.main import app
from longtailor.training.deep.options import FineTuning

pytest.importorskip("lightning")

FINETUNE = (
    *("--finetune", "--epochs", 1, "--image-size", 32),
    *("--tuning", "batch_size=16,logger=none"),
)


@pytest.fixture
def call(tunable_encoder: str) -> Any:
    def run(command: str, *arguments: object) -> Any:
        line = [command, *arguments, "--encoder", tunable_encoder, *FINETUNE]
        return CliRunner().invoke(app, [str(argument) for argument in line])

    return run


def test_compare_tells_what_was_trained(shop: Path, tmp_path: Path, call: Any) -> None:
    study = tmp_path / "study"
    asked = ("--objectives", "none,auto", "--seeds", 1, "--out", study)
    done = call("compare", shop, *asked, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    told = "Networks were trained end to end, each from the frozen fit's solution: test_eff"
    assert found["trained"].startswith(told)
    assert found["headline"].startswith(found["trained"])
    assert set(found["objectives"]) == {"none", "auto"}
    assert "fit 2 of 2: auto, seed 0; about " in done.stderr
    record = json.loads((study / "run.json").read_text())
    assert [fit["training"]["best_epoch"] for fit in record["fits"]] == [1, 1]
    page = " ".join((study / "comparison.html").read_text().split())
    assert "The seed of a training is its draw's" in page
    assert "--finetune" in page
    assert [path.suffix for path in (study / "fits").iterdir()] == [".safetensors"] * 2
    again = call("compare", shop, *asked, "--resume")
    assert "is finished already" in again.stderr


def test_curve_trains_each_budget(shop: Path, tmp_path: Path, call: Any) -> None:
    asked = ("--objectives", "none", "--seeds", 1, "--budgets", "0.5,1")
    done = call("curve", shop, *asked, "--out", tmp_path / "curve")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "curve" / "curve.json").read_text())
    # Half of the products, and all, in whole batches of 16.
    assert "(2 to 5 steps)" in found["trained"]
    assert len(found["objectives"]["none"]["map"]) == 2
    assert "Networks were trained" in (tmp_path / "curve" / "curve.html").read_text()


def test_from_python_three_objectives_are_the_default(
    shop: Path, tmp_path: Path, tunable_encoder: str
) -> None:
    tuning = FineTuning(epochs=1, image_size=32, batch_size=16, logger="none")
    comparison = longtailor.compare(
        Catalog.read(shop),
        seeds=1,
        share=0.4,
        encoder=tunable_encoder,
        inputs="image",
        finetune=tuning,
        folder=tmp_path,
    )
    assert comparison.objectives == ("none", "inverse_frequency", "effective_number")
    assert len({fit.probabilities.tobytes() for fit in comparison.together.fits}) == 3


def test_auto_is_fitted_to_what_was_tuned(shop: Path, tmp_path: Path, call: Any) -> None:
    run = tmp_path / "run"
    done = call("fit", shop, "--out", run, "--objective", "auto")
    assert done.exit_code == 0, done.output
    assert "none, frozen" in done.output
    assert "auto, fine-tuned" in done.output
    record = json.loads((run / "run.json").read_text())
    assert record["finetuning"]["start"]["objective"] == "none"
    assert record["chosen"]["objective"] == "auto"
    assert "the recipe auto was then fitted" in " ".join((run / "report.html").read_text().split())
    metrics = json.loads((run / "metrics.json").read_text())["test"]
    evaluated = CliRunner().invoke(app, ["evaluate", str(run), str(shop), "--json"])
    assert evaluated.exit_code == 0, evaluated.output
    found = json.loads(evaluated.stdout)
    assert found.get("test", found)["map"] == pytest.approx(metrics["map"], abs=1e-9)


KILLED = """
import os, signal, sys
from longtailor.training.deep.checkpoints import KeepLast
plain, calls = KeepLast._save, []
def killing(self, *args):
    plain(self, *args)
    calls.append(1)
    # After the first epoch of the second training.
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
if {killed}:
    KeepLast._save = killing
sys.argv = ["longtailor", *{arguments!r}]
from longtailor.cli.main import main
main()
"""


@pytest.mark.slow
def test_killed_in_a_training_it_ends_with_the_same_figures(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGTAILOR_BACKEND", "torch")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def compare(out: str, *, killed: bool = False) -> subprocess.CompletedProcess[bytes]:
        asked = ("--objectives", "none,asl", "--seeds", "1", "--finetune", "--epochs", "2")
        tuning = "batch_size=64,logger=none"
        more = ("--image-size", "32", "--tuning", tuning, "--out", str(tmp_path / out))
        arguments = ["compare", str(shop), *asked, *more]
        code = KILLED.format(killed=killed, arguments=arguments)
        return subprocess.run([sys.executable, "-c", code], capture_output=True)

    undisturbed = compare("undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    assert compare("study", killed=True).returncode == -signal.SIGKILL
    folder = tmp_path / "study" / "fits"
    assert len(list(folder.glob("*.safetensors"))) == 1
    assert len(list(folder.glob("training-*/last.safetensors"))) == 1
    again = compare("study")
    assert again.returncode == 0, again.stderr
    assert b"fit 2 of 2" in again.stderr
    assert b"fit 1 of 2" not in again.stderr
    found, expected = (
        (tmp_path / name / "comparison.json").read_bytes() for name in ("study", "undisturbed")
    )
    assert found == expected


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("compare", ("--epochs", "3"), "--epochs is for fine-tuning: add --finetune"),
        ("curve", ("--tuning", "batch_size=8"), "--tuning is for fine-tuning: add --finetune"),
        ("compare", ("--finetune", "--tuning", "nodes=2"), "on one machine"),
        ("fit", ("--finetune", "--objective", "auto", "--precision", "0.9"), "another --objective"),
    ],
)
def test_wrong_usage_is_one_line(
    shop: Path, tmp_path: Path, light_encoder: Any, command: str, options: Any, message: str
) -> None:
    line = [command, str(shop), "--out", str(tmp_path / "out"), *options]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.stderr
