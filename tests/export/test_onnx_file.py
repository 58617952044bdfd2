from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from longtailor import Detector
from longtailor.classifiers import Block, LinearClassifier
from longtailor.classifiers.blended import BlendedClassifier
from longtailor.errors import LongtailorError, UsageError
from longtailor.export import export_onnx, onnx_file
from longtailor.export.parity import Sample, feeds
from longtailor.objectives import build

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

Make = Callable[..., Detector]


def photos(count: int) -> list[Any]:
    random = np.random.default_rng(7)
    pixels = [random.integers(0, 256, (3, 4, 3), dtype=np.uint8) for _ in range(count)]
    return [Image.fromarray(some).resize((30, 40)) for some in pixels]


def run(path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def require_same(path: Path, detector: Detector, sample: Sample) -> dict[str, Any]:
    """Compare a file with its detector, and not by the export's own check."""
    got = run(path, feeds(detector, sample, range(len(sample.images))))
    embeddings = detector.embed(**sample.for_detector(detector))
    wanted = detector.probabilities(embeddings)
    np.testing.assert_allclose(got["probability"], wanted, atol=1e-5)
    corrected = detector.probabilities(embeddings, corrected=True)
    np.testing.assert_allclose(got["probability_corrected"], corrected, atol=1e-5)
    np.testing.assert_allclose(got["logit"], detector.logits(embeddings), atol=1e-4)
    np.testing.assert_allclose(got["embedding"], embeddings, atol=1e-4)
    np.testing.assert_array_equal(got["predicted"], detector.decide(wanted))
    return got


def test_it_scores_as_the_detector_in_batches_of_any_size(
    make_detector: Make, tmp_path: Path
) -> None:
    detector = make_detector()
    exported = export_onnx(detector, tmp_path / "a.onnx", sha256="f00")
    assert (exported.products, exported.tokenizer) == (16, None)
    assert exported.difference < 1e-5
    for count in (1, 5):
        sample = Sample(photos(count), [None] * count)
        got = require_same(exported.path, detector, sample)
        assert got["predicted"][:, :3].sum(axis=1).tolist() == [1] * count
        assert got["predicted"][:, 4].all()
    assert [file.name for file in tmp_path.glob("*.onnx*")] == ["a.onnx"]


def test_it_says_what_it_is(make_detector: Make, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    detector = make_detector(objective={"name": "none", "settings": {}, "specification": "none"})
    export_onnx(detector, tmp_path / "a.onnx", sha256="f00")
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    about = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert about["labels"] == list(detector.space.labels)
    assert about["attributes"] == {"sleeve": [0, 1, 2], "detail": [3, 4]}
    assert about["exclusive"] == ["sleeve"]
    assert about["thresholds"] == detector.thresholds.tolist()
    assert about["correction"] == [0.5, -0.5, 1.0, 0.0, 2.0]
    assert about["objective"] == {"name": "none", "specification": "none"}
    assert about["preprocessing"]["image_size"] == 16
    assert about["detector_sha256"] == "f00"
    assert about["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert "tokenizer" not in about
    assert list(about["inputs"]) == [value.name for value in model.graph.input] == ["image"]
    assert list(about["outputs"]) == [value.name for value in model.graph.output]
    first = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in first] == ["batch", 16, 16, 3]
    # Nothing of the machine that wrote it.
    assert str(Path(onnx_file.__file__).parent).encode() not in (tmp_path / "a.onnx").read_bytes()
    before = (tmp_path / "a.onnx").read_bytes()
    export_onnx(detector, tmp_path / "a.onnx", sha256="f00")
    assert (tmp_path / "a.onnx").read_bytes() == before


def blended(detector: Detector) -> BlendedClassifier:
    linear = detector.classifier
    assert isinstance(linear, LinearClassifier)
    random = torch.Generator().manual_seed(1)
    return BlendedClassifier(
        linear,
        torch.ones(linear.dim),
        torch.randn(9, linear.dim, generator=random).half(),
        torch.tensor(8.0),
        torch.randn(linear.labels, 9, generator=random),
        competing=[[0, 1, 2]],
    )


def test_other_classifiers_and_values_that_compete(make_detector: Make, tmp_path: Path) -> None:
    detector = make_detector(competing=[[0, 1, 2]])
    detector.classifier = blended(detector)
    export_onnx(detector, tmp_path / "a.onnx")
    got = require_same(tmp_path / "a.onnx", detector, Sample(photos(4), [None] * 4))
    for name in ("probability", "probability_corrected"):
        np.testing.assert_allclose(got[name][:, :3].sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize(("name", "tells"), [("focal", True), ("zlpr", False)])
def test_corrections_that_are_no_shift(
    make_detector: Make, tmp_path: Path, name: str, tells: bool
) -> None:
    positives, known = [3, 40, 9, 50, 7], [100] * 5
    assert build(name, positives, known).correction() is None
    described = {"name": name, "specification": name, "positives": positives, "known": known}
    detector = make_detector(objective=described, correction=None)
    export_onnx(detector, tmp_path / "a.onnx")
    got = require_same(tmp_path / "a.onnx", detector, Sample(photos(4), [None] * 4))
    assert np.allclose(got["probability"], got["probability_corrected"]) != tells


def run_openvino(path: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    import openvino

    model = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return {output.any_name: values for output, values in model(inputs).items()}


TEXTS = ["red dress", "long long blue shirt with puff", "bow", None, "shirt"]


@pytest.fixture
def both(make_detector: Make, thumbnails: Any, tiny_text_encoder: Any) -> tuple[Detector, Sample]:
    images = photos(5)
    images[1] = None
    detector = make_detector({"image": thumbnails, "text": tiny_text_encoder})
    return detector, Sample(images, TEXTS)


def test_images_and_texts_either_missing_in_onnxruntime_and_openvino(
    both: tuple[Detector, Sample], tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    detector, sample = both
    exported = export_onnx(detector, tmp_path / "a.onnx")
    got = require_same(exported.path, detector, sample)
    assert np.isnan(got["embedding"]).any(axis=1).tolist() == [False, True, False, True, False]
    given = feeds(detector, sample, range(5))
    assert list(given) == ["image", "has_image", "input_ids", "attention_mask"]
    more = {**given, "input_ids": np.pad(given["input_ids"], ((0, 0), (0, 2)), constant_values=5)}
    more["attention_mask"] = np.pad(given["attention_mask"], ((0, 0), (0, 2)))
    np.testing.assert_allclose(run(exported.path, more)["logit"], got["logit"], atol=1e-4)

    if importlib.util.find_spec("openvino"):
        for name, values in run_openvino(exported.path, given).items():
            np.testing.assert_allclose(values, got[name], atol=1e-4, err_msg=name)

    # The tokenizer's file gives the same numbers, cut to what the network reads.
    assert exported.tokenizer == tmp_path / "a.tokenizer.json"
    tokenizer = Tokenizer.from_file(str(exported.tokenizer))
    long = "red dress " * 30
    assert tokenizer.encode(long).ids == detector.loaded_encoders["text"].tokenizer([long])[0]
    assert len(tokenizer.encode(long).ids) == 12


def test_texts_alone(make_detector: Make, tiny_text_encoder: Any, tmp_path: Path) -> None:
    detector = make_detector({"text": tiny_text_encoder})
    export_onnx(detector, tmp_path / "a.onnx")
    texts = [text for text in TEXTS if text]
    require_same(tmp_path / "a.onnx", detector, Sample([None] * 4, texts))
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    assert [one.name for one in session.get_inputs()] == ["input_ids", "attention_mask"]
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["tokenizer"])["file"] == "a.tokenizer.json"
    assert str(tmp_path) not in "".join(about.values())


def test_what_scores_otherwise_is_not_written(
    make_detector: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = make_detector()
    (tmp_path / "a.onnx").write_bytes(b"earlier")
    monkeypatch.setattr(Detector, "probabilities", lambda *args, **kwargs: np.full((16, 5), 0.25))
    with pytest.raises(LongtailorError, match=r"does not score as the detector: probability of"):
        export_onnx(detector, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"earlier"
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.onnx"]


def test_what_decides_otherwise_is_not_written(
    make_detector: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = make_detector()
    monkeypatch.setattr(Detector, "decide", lambda self, scores, **kwargs: scores >= 2)
    with pytest.raises(LongtailorError, match="does not decide as the detector"):
        export_onnx(detector, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_names_and_packages_are_looked_at_first(
    make_detector: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = make_detector()
    with pytest.raises(UsageError, match=r"a\.pt: give a file that ends in \.onnx"):
        export_onnx(detector, tmp_path / "a.pt")
    with monkeypatch.context() as patch:
        patch.setattr(onnx_file, "_NEEDED", ("onnx", "no_such_package"))
        with pytest.raises(LongtailorError, match=r"needs no_such_package: pip install"):
            export_onnx(detector, tmp_path / "a.onnx")
    monkeypatch.setattr(onnx_file, "LARGEST", 100)
    with pytest.raises(LongtailorError, match="GB of weights"):
        export_onnx(detector, tmp_path / "a.onnx")


def test_a_classifier_that_cannot_be_exported_is_said(make_detector: Make, tmp_path: Path) -> None:
    class Odd(LinearClassifier):
        def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
            return super().forward(embeddings) + torch.special.bessel_j0(embeddings[:, :5])

    linear = make_detector().classifier
    odd = Odd(linear.weight, linear.bias, [Block(96)])
    with pytest.raises(LongtailorError, match="the detector cannot be exported: ") as caught:
        export_onnx(make_detector(classifier=odd), tmp_path / "a.onnx")
    assert "\n" not in str(caught.value)
