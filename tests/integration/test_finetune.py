"""`fit --finetune` through the command line: killed, resumed, moved, measured again, misused."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from longtailor.cli.main import app

pytest.importorskip("lightning")

OPTIONS = (
    *("--finetune", "--epochs", 2, "--image-size", 32, "--objective", "effective_number:beta=0.9"),
    *("--tuning", "batch_size=16,logger=none,checkpoint_seconds=0"),
)
KILLED = """
import os, signal, sys
from longtailor.training.deep.{module} import {owner}
plain, calls = {owner}.{method}, []
def killing(self, *args):
    plain(self, *args)
    calls.append(1)
    if len(calls) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
{owner}.{method} = killing
sys.argv = ["longtailor", *{arguments!r}]
from longtailor.cli.main import main
main()
"""


@pytest.fixture(autouse=True)
def plain_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LONGTAILOR_BACKEND", "torch")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "cache"))
    # Figures are the same to the bit where the threads are as many.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fit_apart(shop: Path, out: Path, *more: object) -> None:
    code = "from longtailor.cli.main import main; main()"
    command = [sys.executable, "-c", code, "fit", shop, "--out", out, *OPTIONS, *more]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def test_a_fine_tuned_detector_is_like_any_other(shop: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = call("fit", shop, "--out", run, *OPTIONS)
    assert done.exit_code == 0, done.output
    record = json.loads((run / "run.json").read_text())
    assert len(record["finetuning"]["epochs"]) == 2
    assert set(record["finetuning"]["frozen"]) == {"test", "val"}
    assert record["configuration"]["finetune"]["image_size"] == 32
    assert "How the encoder learned" in (run / "report.html").read_text()
    # What only the training needed is gone.
    assert not list((run / "finetuning").glob("*.npy"))
    assert not list((run / "finetuning").glob("*.safetensors"))

    moved = run.rename(tmp_path / "moved")
    measured = call("evaluate", moved, shop, "--json")
    assert measured.exit_code == 0, measured.output
    metrics = json.loads((moved / "metrics.json").read_text())["test"]
    again = json.loads(measured.stdout)
    found = again.get("test", again)
    assert found["map"] == pytest.approx(metrics["map"], abs=1e-9)
    assert found["f1_macro"] == pytest.approx(metrics["f1_macro"], abs=1e-9)

    scored = call("predict", moved, shop.parent / "images", "--out", tmp_path / "scores.csv")
    assert scored.exit_code == 0, scored.output
    assert pl.read_csv(tmp_path / "scores.csv")["score"].is_between(0, 1).all()

    weights = moved / "detector" / "image.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\1\2\3")
    damaged = call("evaluate", moved, shop)
    assert damaged.exit_code == 1
    assert "other weights" in damaged.stderr


@pytest.mark.usefixtures("no_report")
def test_texts_are_fine_tuned_like_any_other(tiny_text_model: Path, tmp_path: Path) -> None:
    words = ["red", "blue", "dress", "shirt", "long", "bow"]
    random = np.random.default_rng(0)
    rows = ["text,colour,has"]
    for _ in range(90):
        said = random.permutation(words)[: random.integers(2, 5)].tolist()
        colours = [word for word in said if word in ("red", "blue")]
        has = "|".join(word for word in said if word in ("long", "bow")) or "-"
        rows.append(f"{' '.join(said)},{'|'.join(colours) or '-'},{has}")
    catalog = tmp_path / "texts.csv"
    catalog.write_text("\n".join(rows) + "\n")
    run = tmp_path / "run"
    done = call(
        *("fit", catalog, "--out", run, "--finetune", "--epochs", 2, "--text-encoder"),
        *(tiny_text_model, "--objective", "none;has=asl", "--tuning", "batch_size=16,logger=none"),
    )
    assert done.exit_code == 0, done.output
    record = json.loads((run / "run.json").read_text())
    assert record["finetuning"]["encoder_rate"] == 1e-4
    assert set(record["chosen_by_objective"]) == {"none", "asl"}
    assert not list((run / "finetuning").glob("*.safetensors"))
    described = json.loads((run / "detector" / "detector.json").read_text())
    assert described["encoders"]["text"]["weights"]["path"] == "text.safetensors"
    assert described["objective"]["specification"] == "none;has=asl"

    moved = run.rename(tmp_path / "moved")
    measured = call("evaluate", moved, catalog, "--json")
    assert measured.exit_code == 0, measured.output
    metrics = json.loads((moved / "metrics.json").read_text())["test"]
    again = json.loads(measured.stdout)
    assert again.get("test", again)["map"] == pytest.approx(metrics["map"], abs=1e-9)
    scored = call("predict", moved, catalog, "--out", tmp_path / "scores.csv")
    assert scored.exit_code == 0, scored.output
    if importlib.util.find_spec("onnxscript"):
        exported = call("export", moved, "--out", tmp_path / "detector.onnx")
        assert exported.exit_code == 0, exported.output
        assert (tmp_path / "detector.tokenizer.json").is_file()

    weights = moved / "detector" / "text.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\1\2\3")
    damaged = call("evaluate", moved, catalog)
    assert damaged.exit_code == 1
    assert "other weights" in damaged.stderr
    weights.unlink()
    gone = call("evaluate", moved, catalog)
    assert gone.exit_code == 1
    assert "text.safetensors: cannot be read" in gone.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "owner", "method", "calls"),
    [
        ("checkpoints", "KeepLast", "_save", 3),
        # Between the figures of an epoch and its checkpoint.
        ("measure", "Measure", "on_validation_epoch_end", 1),
        # The training has ended, and nothing of the run is written.
        ("measure", "Measure", "on_train_end", 1),
    ],
)
def test_killed_and_resumed_it_ends_with_the_same_figures(
    shop: Path, tmp_path: Path, module: str, owner: str, method: str, calls: int
) -> None:
    fit_apart(shop, tmp_path / "undisturbed")
    run = tmp_path / "run"
    arguments = [str(part) for part in ("fit", shop, "--out", run, *OPTIONS)]
    code = KILLED.format(
        module=module, owner=owner, method=method, calls=calls, arguments=arguments
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (run / "metrics.json").exists()
    fit_apart(shop, run, "--resume")
    for name in ("metrics.json", "labels.csv", "detector/image.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes(), name


LAUNCHED = """
import os, sys
import longtailor.runs.fit as runs
def refuse(*args, **kwargs):
    raise AssertionError("only the first process writes")
if os.environ["RANK"] != "0":
    runs.open_run = runs.claim_run = runs.write_run = refuse
sys.argv = ["longtailor", *{arguments!r}]
from longtailor.cli.main import main
main()
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@pytest.mark.slow
def test_of_launched_processes_the_first_alone_writes(shop: Path, tmp_path: Path) -> None:
    # As Lightning starts them.
    fit_apart(shop, tmp_path / "spawned", "--devices", 2)
    run = tmp_path / "run"
    arguments = [str(part) for part in ("fit", shop, "--out", run, *OPTIONS, "--devices", 2)]
    world = {
        "TORCHELASTIC_RUN_ID": "test",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }

    def launch(*more: str) -> list[tuple[int, str]]:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", LAUNCHED.format(arguments=[*arguments, *more])],
                env={**os.environ, **world, "RANK": rank, "LOCAL_RANK": rank},
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in ("0", "1")
        ]
        told = [process.communicate(timeout=300)[1] for process in started]
        return [(process.returncode, one) for process, one in zip(started, told, strict=True)]

    (first, told), (second, other) = launch()
    assert (first, second) == (0, 0), told + other
    assert "wrote" in told
    assert "wrote" not in other
    metrics = [
        json.loads((one / "metrics.json").read_text())["test"]
        for one in (run, tmp_path / "spawned")
    ]
    assert metrics[0] == pytest.approx(metrics[1], abs=1e-6)
    weights = [
        load_file(one / "detector" / "image.safetensors") for one in (run, tmp_path / "spawned")
    ]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=1e-5, atol=1e-6)
    # A finished run is left alone by all of them.
    (first, told), (second, other) = launch("--resume")
    assert (first, second) == (0, 0), told + other
    assert "finished already" in told
    assert "finished already" not in other


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", "3"), "--epochs is for fine-tuning: add --finetune"),
        (("--finetune", "--time-budget", "soon"), "write it as 20m"),
        (("--finetune", "--tuning", "bach_size=3"), "batch_size"),
        (("--finetune", "--epochs", "3", "--tuning", "epochs=4"), "--tuning gives epochs"),
        (("--finetune", "--image-size", "8"), "at least 32"),
    ],
)
def test_wrong_usage_is_one_line(
    shop: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = call("fit", shop, "--out", tmp_path / "run", *options)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_without_lightning_it_says_what_to_install(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "longtailor.training.deep.images", None)
    done = call("fit", shop, "--out", tmp_path / "run", *OPTIONS)
    assert done.exit_code == 1
    assert "pip install 'longtailor[finetune]'" in done.stderr
