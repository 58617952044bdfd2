from __future__ import annotations

import hashlib
import importlib.util
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from longtailor import Detector
from longtailor.classifiers import LinearClassifier
from longtailor.cli.main import app
from longtailor.encoders import load_encoder
from longtailor.errors import LongtailorError
from longtailor.export.parity import Sample
from longtailor.labels import LabelSpace
from longtailor.runs.export import export_run, sample_of

EXAMPLES = [
    Path(__file__).parents[2] / "examples" / f"{engine}_predict.py"
    for engine in ("onnx", "openvino")
]
SMALL = "test_efficientnet"


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    """A run with a small network of random weights."""
    torch.manual_seed(0)
    weights = tmp_path / "weights.safetensors"
    save_file(timm.create_model(SMALL, num_classes=0).state_dict(), weights)
    encoder = load_encoder(SMALL, weights=weights, image_size=48, backend="torch")
    labels = LabelSpace(["sleeve:cap", "sleeve:puff", "detail:bow"], ["sleeve"])
    classifier = LinearClassifier(5 * torch.randn(3, encoder.dim), torch.tensor([0.1, 0.0, -0.2]))
    thresholds = np.array([0.5, 0.3, 0.6])
    folder = tmp_path / "run"
    Detector(labels, classifier, thresholds, {"image": encoder}).save(folder / "detector")
    record = {"command": "fit", "catalog": str(shop), "configuration": {"images": None}}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Photos as shops have them: large, turned, with transparency."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    large = Image.fromarray(pixels).resize((600, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    large.save(tmp_path / "turned.jpg", exif=exif)
    clear = large.resize((60, 80)).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((60, 80)))
    clear.save(tmp_path / "clear.png")
    clear.convert("P").save(tmp_path / "palette.png")
    return [str(tmp_path / name) for name in ("turned.jpg", "clear.png", "palette.png")]


def test_a_run_is_exported_and_the_example_scores_as_its_detector(
    run: Path, shop: Path, photos: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    out = tmp_path / "deep" / "a.onnx"
    done = CliRunner().invoke(app, ["export", str(run), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"onnxruntime scores 32 products of {shop} as the detector does" in done.stderr
    assert f"wrote {out}" in done.stderr

    wanted = Detector.load(run).predict(photos)
    for example in EXAMPLES:
        if example.stem == "openvino_predict" and not importlib.util.find_spec("openvino"):
            continue
        scored = runpy.run_path(str(example))["main"](str(out), photos)
        labels = wanted["label"].unique(maintain_order=True)
        got = [row[label] for row in scored for label in labels]
        np.testing.assert_allclose(got, wanted["score"], atol=1e-5, err_msg=example.stem)

    about = onnxruntime.InferenceSession(str(out)).get_modelmeta().custom_metadata_map
    content = (run / "detector" / "detector.json").read_bytes()
    assert json.loads(about["detector_sha256"]) == hashlib.sha256(content).hexdigest()


def test_the_products_compared_are_spread_over_the_catalogue(
    run: Path, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector.load(run)
    sample = sample_of(shop, None, detector)
    assert sample is not None
    assert len(sample.images) == 32
    assert [Path(str(sample.images[at])).name for at in (0, -1)] == ["000.png", "119.png"]
    for number in range(100):
        (shop.parent / "images" / f"{number:03d}.png").write_bytes(b"")
    some = sample_of(shop, None, detector)
    assert some is not None
    assert len(some.images) == 20
    told = pl.read_csv(shop).drop("image").with_columns(text=pl.lit("a shirt"))
    told.write_csv(shop.with_name("texts.csv"))
    assert sample_of(shop.with_name("texts.csv"), None, detector) is None
    assert sample_of(shop.with_name("gone.csv"), None, detector) is None


def test_without_its_catalogue_a_run_is_compared_on_drawn_products(
    run: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Sample | None] = []

    def keep(detector: Detector, out: Path, sample: Sample | None, **more: Any) -> None:
        given.append(sample)

    monkeypatch.setattr("longtailor.runs.export.require_exportable", lambda out: None)
    monkeypatch.setattr("longtailor.runs.export.export_onnx", keep)
    shop.unlink()
    assert export_run(run, tmp_path / "a.onnx").catalog is None
    assert export_run(run / "detector", tmp_path / "a.onnx").catalog is None
    assert given == [None, None]
    with pytest.raises(LongtailorError, match="holds no detector"):
        export_run(tmp_path, tmp_path / "a.onnx")


def test_another_name_is_wrong_usage(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(run), "--out", str(tmp_path / "a.pt")])
    assert done.exit_code == 2
    assert "give a file that ends in .onnx" in done.stderr
