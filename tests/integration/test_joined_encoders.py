"""A detector whose photos are seen by several networks, from fitting to an exported file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from longtailor import Catalog, Detector
from longtailor.cli.main import app

NAMES = "efficientnet_lite0@64,efficientnet_lite0@48"


def succeed(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("objective", ["auto", "none"])
def test_from_fit_to_an_exported_file(shop: Path, tmp_path: Path, objective: str) -> None:
    run = tmp_path / "run"
    succeed("fit", str(shop), "--out", str(run), "--encoder", NAMES, "--objective", objective)
    record = json.loads((run / "run.json").read_text())
    encoder = record["encoders"]["image"]
    assert [view["preprocessing"]["image_size"] for view in encoder["views"]] == [64, 48]
    assert ("kernel_noise" in record) == (objective == "auto")
    if objective == "auto":
        noises = record["kernel_noise"]
        labels = [label for entry in noises for label in entry["labels"]]
        assert sorted(labels) == sorted(Detector.load(run).space.labels)
        assert all(entry["noise"] > 0 for entry in noises)

    detector = Detector.load(run)
    assert [block.dim for block in detector.classifier.blocks] == [1280, 1280]
    photos = [str(image) for image in Catalog.read(shop).images[:5]]
    own = detector.predict(photos)
    scored = tmp_path / "scores.csv"
    succeed("predict", str(run), *photos, "--out", str(scored))
    np.testing.assert_allclose(pl.read_csv(scored)["score"], own["score"], atol=1e-5)
    scores = json.loads(succeed("evaluate", str(run), str(shop), "--split", "test", "--json"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert scores["test"]["map"] == pytest.approx(metrics["test"]["map"], abs=1e-6)

    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    file = tmp_path / "detector.onnx"
    # It is compared with the detector before it is written.
    succeed("export", str(run), "--out", str(file))
    session = onnxruntime.InferenceSession(str(file))
    assert session.get_inputs()[0].shape[1:] == [64, 64, 3]
    about = json.loads(session.get_modelmeta().custom_metadata_map["encoders"])
    assert all(list(view["weights"]) == ["sha256"] for view in about["image"]["views"])


def test_fine_tuning_takes_one_encoder(shop: Path, tmp_path: Path) -> None:
    arguments = ["fit", str(shop), "--out", str(tmp_path / "run"), "--finetune"]
    done = CliRunner().invoke(app, [*arguments, "--encoder", NAMES])
    assert done.exit_code == 2
    assert "fine-tuning trains one encoder" in done.stderr
