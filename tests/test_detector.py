from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import longtailor
from longtailor import Detector
from longtailor.classifiers import LinearClassifier
from longtailor.encoders import Encoder
from longtailor.errors import ImageError, LongtailorError
from longtailor.labels import LabelSpace
from longtailor.objectives import build

LABELS = ("sleeve:cap", "sleeve:long", "sleeve:puff", "detail:bow")


@pytest.fixture
def detector(light_encoder: Encoder) -> Detector:
    random = torch.Generator().manual_seed(0)
    return Detector(
        LabelSpace(LABELS, ["sleeve"]),
        LinearClassifier(
            torch.randn(4, light_encoder.dim, generator=random), torch.tensor([0.1, 0.2, -0.4, 0.0])
        ),
        np.array([0.5, 0.4, 0.2, 0.7]),
        {"image": light_encoder},
        {"name": "none", "settings": {}},
        np.array([0.5, -0.5, 1.0, 0.0]),
    )


@pytest.fixture
def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((60, 40))


@pytest.fixture
def saved(detector: Detector, tmp_path: Path) -> Path:
    detector.save(tmp_path / "saved")
    return tmp_path / "saved"


def scores(table: pl.DataFrame) -> list[float]:
    return table["score"].to_list()


def test_probabilities_are_the_classifiers(detector: Detector) -> None:
    embeddings = np.random.default_rng(1).random((5, 96), dtype=np.float32)
    rooted = np.sqrt(embeddings.astype(np.float64))
    rooted /= np.linalg.norm(rooted, axis=1, keepdims=True)
    logits = rooted @ detector.classifier.weight.detach().numpy().T.astype(np.float64)
    logits += detector.classifier.bias.detach().numpy()
    np.testing.assert_allclose(
        detector.probabilities(embeddings), 1 / (1 + np.exp(-logits)), rtol=1e-5
    )
    assert detector.correction is not None
    np.testing.assert_allclose(
        detector.probabilities(embeddings, corrected=True),
        1 / (1 + np.exp(-(logits - detector.correction))),
        rtol=1e-5,
    )


def test_many_embeddings_are_scored_part_by_part(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = np.random.default_rng(0).normal(size=(10, detector.classifier.dim))
    whole = detector.logits(embeddings)
    monkeypatch.setattr("longtailor.detector.SCORED_AT_ONCE", 4)
    np.testing.assert_allclose(detector.logits(embeddings), whole, rtol=1e-5)
    assert detector.logits(embeddings[:0]).shape == (0, len(LABELS))


def test_embeddings_of_another_length_are_refused(detector: Detector) -> None:
    with pytest.raises(LongtailorError, match=r"shape \(2, 95\); .* takes \(products, 96\)"):
        detector.logits(np.zeros((2, 95)))


def test_all_kinds_of_photos_score_alike(
    detector: Detector, picture: Image.Image, tmp_path: Path
) -> None:
    picture.save(tmp_path / "a.png")
    array = np.asarray(picture)
    tensor = torch.from_numpy(array.copy()).permute(2, 0, 1)
    table = detector.predict([tmp_path / "a.png", str(tmp_path / "a.png"), picture, array, tensor])
    assert table.columns == ["id", "image", "label", "score", "predicted"]
    assert table["label"].to_list() == list(LABELS) * 5
    assert table["id"].to_list() == [str(i) for i in range(5) for _ in LABELS]
    path = str(tmp_path / "a.png")
    assert table["image"].to_list() == [path] * 8 + [None] * 12
    rows = table["score"].to_numpy().reshape(5, 4)
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))


def test_one_photo_needs_no_list(detector: Detector, picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "a.png")
    array = np.asarray(picture)
    wanted = scores(detector.predict([picture]))
    for one in (
        picture,
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        array,
        torch.from_numpy(array.copy()).permute(2, 0, 1),
    ):
        assert scores(detector.predict(one)) == wanted
    both = detector.predict(np.stack([array, array]))
    assert both["id"].unique(maintain_order=True).to_list() == ["0", "1"]
    np.testing.assert_allclose(scores(both), wanted * 2, rtol=1e-6)


def test_no_photo_gives_an_empty_table(detector: Detector) -> None:
    table = detector.predict([])
    assert table.columns == ["id", "image", "label", "score", "predicted"]
    assert len(table) == 0


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(path, quality=95, exif=exif)


def transparent(picture: Image.Image, path: Path) -> None:
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(path)


def palette(picture: Image.Image, path: Path) -> None:
    picture.quantize(16).save(path, transparency=3)


def sixteen_bits(picture: Image.Image, path: Path) -> None:
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(path)


def cmyk(picture: Image.Image, path: Path) -> None:
    picture.convert("CMYK").save(path)


def animated(picture: Image.Image, path: Path) -> None:
    other = Image.new("RGB", picture.size, "red")
    picture.save(path, save_all=True, append_images=[other], lossless=True)


@pytest.mark.parametrize(
    ("make", "suffix"),
    [
        (turned, "jpg"),
        (transparent, "png"),
        (palette, "png"),
        (sixteen_bits, "png"),
        (cmyk, "tif"),
        (animated, "webp"),
    ],
)
def test_an_open_picture_is_treated_as_its_file(
    detector: Detector,
    picture: Image.Image,
    tmp_path: Path,
    make: Callable[[Image.Image, Path], None],
    suffix: str,
) -> None:
    path = tmp_path / f"a.{suffix}"
    make(picture, path)
    with Image.open(path) as opened:
        assert scores(detector.predict([opened])) == scores(detector.predict([path]))


def test_many_photos_are_embedded_in_batches(
    detector: Detector, picture: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [picture.rotate(10 * turn) for turn in range(7)]
    at_once = scores(detector.predict(pictures))
    monkeypatch.setattr("longtailor.detector.BATCH_SIZE", 3)
    sizes: list[int] = []
    encode = Encoder.encode
    monkeypatch.setattr(
        Encoder, "encode", lambda self, batch: sizes.append(len(batch)) or encode(self, batch)
    )
    assert scores(detector.predict(pictures)) == at_once
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        torch.zeros((4, 4, 3), dtype=torch.uint8),
        torch.zeros((3, 4, 4)),
        torch.zeros((3, 3), dtype=torch.uint8),
        b"a string of no file.png",
        None,
    ],
)
def test_what_is_no_photo_is_refused_in_one_line(detector: Detector, bad: Any) -> None:
    with pytest.raises(LongtailorError) as caught:
        detector.predict([bad])
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_named(
    detector: Detector, picture: Image.Image, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match=r"gone\.png: no such file"):
        detector.predict([tmp_path / "gone.png"])
    picture.save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(ImageError, match=r"cut\.jpg"):
        detector.predict(tmp_path / "cut.jpg")
    with Image.open(tmp_path / "cut.jpg") as opened, pytest.raises(ImageError, match="decoded"):
        detector.predict(opened)


def test_an_exclusive_attribute_has_exactly_one_value(detector: Detector) -> None:
    probabilities = np.array([[0.1, 0.1, 0.1, 0.9], [0.9, 0.9, 0.9, 0.1], [0.55, 0.45, 0.1, 0.7]])
    np.testing.assert_array_equal(
        detector.decide(probabilities),
        [[0, 0, 1, 1], [0, 0, 1, 0], [0, 1, 0, 1]],
    )
    np.testing.assert_array_equal(
        detector.decide(probabilities, exclusive=False),
        [[0, 0, 0, 1], [1, 1, 1, 0], [1, 1, 0, 1]],
    )


def test_what_is_saved_is_loaded(detector: Detector, saved: Path, picture: Image.Image) -> None:
    assert sorted(file.name for file in saved.iterdir()) == [
        "classifier.safetensors",
        "detector.json",
    ]
    run = saved.parent / "run"
    run.mkdir()
    saved.rename(run / "detector")
    for path in (run, run / "detector", str(run)):
        loaded = Detector.load(path)
        assert loaded.space == detector.space
        assert loaded.objective == detector.objective
        np.testing.assert_array_equal(loaded.thresholds, detector.thresholds)
        np.testing.assert_array_equal(loaded.correction, detector.correction)
        assert loaded.predict([picture]).equals(detector.predict([picture]))


def edit(saved: Path, **changes: Any) -> None:
    path = saved / "detector.json"
    described = json.loads(path.read_text())
    for key, value in changes.items():
        if value is Ellipsis:
            del described[key]
        else:
            described[key] = value
    path.write_text(json.dumps(described))


def replace_tensors(saved: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace the weights and their hash, as someone would who knows the format."""
    import hashlib

    save_file(tensors, saved / "classifier.safetensors")
    digest = hashlib.sha256((saved / "classifier.safetensors").read_bytes()).hexdigest()
    edit(saved, sha256={"classifier.safetensors": digest})


WEIGHT, BIAS, AVERAGE = torch.zeros(4, 96), torch.zeros(4), torch.zeros(96)


def tensors(**changed: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"weight": WEIGHT, "bias": BIAS, "average": AVERAGE, **changed}


ENCODER = {"name": "thumbnails", "dim": 95}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "classifier.safetensors").write_bytes(b"changed"), "was changed or damag"),
        (lambda f: (f / "classifier.safetensors").unlink(), "No such file"),
        (lambda f: (f / "detector.json").unlink(), "holds no detector"),
        (lambda f: (f / "detector.json").write_text('{"format": 1, "la'), "damaged"),
        (lambda f: (f / "detector.json").write_bytes(b"\xff\xfe\x00"), "damaged"),
        (lambda f: (f / "detector.json").write_text("[1, 2]"), "damaged"),
        (lambda f: (f / "detector.json").write_text("null"), "damaged"),
        (lambda f: edit(f, format=3), "format 3, .* newer one"),
        (lambda f: edit(f, format=...), "'format' is missing"),
        (lambda f: edit(f, sha256=...), "'sha256' is missing"),
        (lambda f: edit(f, sha256={}), "is missing"),
        (lambda f: edit(f, labels=...), "'labels' is missing"),
        (lambda f: edit(f, labels=list(LABELS[:3])), "differ in number"),
        (lambda f: edit(f, labels=["a:x"] * 4), "appears twice"),
        (lambda f: edit(f, exclusive=["colour"]), "'colour' has no label"),
        (lambda f: edit(f, thresholds=[0.5] * 3), "differ in number"),
        (lambda f: edit(f, thresholds=[[0.5]] * 4), "differ in number"),
        (lambda f: edit(f, thresholds=[0.5, float("nan"), 0.5, 0.5]), "threshold is no number"),
        (lambda f: edit(f, thresholds=[0.5, 7, 0.5, 0.5]), "threshold is no number"),
        (lambda f: edit(f, thresholds=["a"] * 4), "damaged"),
        (lambda f: edit(f, thresholds=None), "damaged"),
        (lambda f: edit(f, correction=[0.0]), "differ in number"),
        (lambda f: edit(f, correction=None, objective={"specification": "asl"}), "is missing"),
        (
            lambda f: edit(
                f,
                correction=None,
                objective={"specification": "asl", "positives": [1], "known": [2]},
            ),
            "4 labels, and statistics of 1",
        ),
        (
            lambda f: edit(
                f,
                correction=None,
                objective={"specification": "no", "positives": [1] * 4, "known": [2] * 4},
            ),
            "no objective is called",
        ),
        (lambda f: edit(f, competing=[[0, 9]]), "a column too many"),
        (lambda f: edit(f, competing=[["x"]]), "damaged"),
        (lambda f: edit(f, encoders={"image": ENCODER}), r"give \[95\] .* takes \[96\]"),
        (lambda f: edit(f, encoders={"image": None}), "damaged"),
        (lambda f: edit(f, encoders=None), "damaged"),
        (lambda f: edit(f, encoders=[]), "damaged"),
        (lambda f: edit(f, encoders={}), "its encoders are of"),
        (lambda f: edit(f, encoders={"sound": {**ENCODER, "dim": 96}}), "its encoders are of"),
        (lambda f: edit(f, encoders=...), "'encoders' is missing"),
        (lambda f: edit(f, blocks=...), "'blocks' is missing"),
        (lambda f: edit(f, blocks=[]), "the blocks have 0 numbers"),
        (lambda f: edit(f, blocks=[{"dim": 90, "root": True}]), "the blocks have 90 numbers"),
        (lambda f: edit(f, blocks=[{"dim": "x", "root": True}]), "damaged"),
        (lambda f: replace_tensors(f, {"weight": WEIGHT}), "'bias' is missing"),
        (lambda f: replace_tensors(f, {"weight": WEIGHT, "bias": BIAS}), "'average' is missing"),
        (lambda f: replace_tensors(f, tensors(average=AVERAGE[:9])), "the average has shape"),
        (lambda f: replace_tensors(f, tensors(average=AVERAGE / 0)), "not finite"),
        (lambda f: replace_tensors(f, tensors(bias=BIAS[:2])), "has shape"),
        (lambda f: replace_tensors(f, tensors(weight=WEIGHT[:2], bias=BIAS[:2])), "differ in numb"),
        (lambda f: replace_tensors(f, tensors(weight=WEIGHT / 0)), "not finite"),
        (lambda f: replace_tensors(f, tensors(weight=WEIGHT.int(), bias=BIAS.int())), "damaged"),
    ],
)
def test_a_damaged_detector_is_refused_in_one_line(
    saved: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(saved)
    with pytest.raises(LongtailorError, match=message) as caught:
        Detector.load(saved)
    assert "\n" not in str(caught.value)
    assert str(saved) in str(caught.value)


def test_a_safetensors_file_that_is_none_is_refused(saved: Path) -> None:
    import hashlib

    content = b"\x80\x04cos\nsystem\n(S'touch owned'\ntR."
    (saved / "classifier.safetensors").write_bytes(content)
    edit(saved, sha256={"classifier.safetensors": hashlib.sha256(content).hexdigest()})
    with pytest.raises(LongtailorError, match="damaged"):
        Detector.load(saved)


@pytest.mark.parametrize("changes", [{"weights": {}}, {"preprocessing": {}}, {"name": 3}])
def test_an_encoder_that_is_described_wrongly_is_one_clear_error(
    saved: Path, picture: Image.Image, changes: dict[str, Any]
) -> None:
    described = json.loads((saved / "detector.json").read_text())["encoders"]["image"]
    edit(saved, encoders={"image": {**described, "fingerprint": "other", **changes}})
    with pytest.raises(LongtailorError):
        Detector.load(saved).predict([picture])


def test_loading_without_a_detector_names_the_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(LongtailorError, match=f"{path} holds no detector"):
            Detector.load(path)
    (tmp_path / "file").write_text("")
    with pytest.raises(LongtailorError, match="holds no detector"):
        Detector.load(tmp_path / "file")


def test_the_encoders_weights_must_be_those_of_the_fit(saved: Path, picture: Image.Image) -> None:
    described = json.loads((saved / "detector.json").read_text())["encoders"]["image"]
    edit(saved, encoders={"image": {**described, "fingerprint": "0123456789abcdef"}})
    with pytest.raises(LongtailorError, match="other weights"):
        Detector.load(saved).predict([picture])


def test_no_file_of_ours_unpickles() -> None:
    package = Path(longtailor.__file__).parent
    files = sorted(package.rglob("*.py"))
    assert len(files) > 50
    pickling = re.compile(
        r"\b(?:pickle|cPickle|dill|joblib|shelve|marshal)\b|allow_pickle\s*=\s*True|"
        r"weights_only\s*=\s*False|(?<![.\w])(?:eval|exec)\("
    )
    for file in files:
        text = file.read_text()
        found = pickling.search(text)
        assert found is None, f"{file}: {found}"
        for call in re.finditer(r"\btorch\.load\(([^()]|\([^()]*\))*\)", text):
            assert "weights_only=True" in call.group(), f"{file}: {call.group()}"


def trained_with(detector: Detector, specification: str, epoch: int) -> Detector:
    detector.correction = None
    detector.objective = {
        "name": specification,
        "settings": {},
        "specification": specification,
        "positives": [10, 90, 30, 5],
        "known": [130, 130, 130, 100],
        "epoch": epoch,
    }
    return detector


@pytest.mark.parametrize("epoch", [0, 1])
def test_what_set_in_at_an_epoch_is_corrected_as_it_was(
    detector: Detector, tmp_path: Path, epoch: int
) -> None:
    trained_with(detector, "asl+inverse_frequency:defer=1", epoch).save(tmp_path)
    embeddings = np.random.default_rng(1).random((5, 96), dtype=np.float32)
    objective = build("asl+inverse_frequency:defer=1", [10, 90, 30, 5], [130, 130, 130, 100])
    objective.set_epoch(epoch)
    logits = torch.from_numpy(detector.logits(embeddings))
    np.testing.assert_allclose(
        Detector.load(tmp_path).probabilities(embeddings, corrected=True),
        objective.probabilities(logits).numpy(),
        rtol=1e-6,
    )


def test_each_attribute_is_corrected_by_its_own_objective(
    detector: Detector, tmp_path: Path
) -> None:
    # A softmax competes once, with what it adds taken away before.
    detector.competing = [[0, 1, 2]]
    trained_with(detector, "asl;sleeve=softmax:tau=1", 0).save(tmp_path)
    embeddings = np.random.default_rng(1).random((5, 96), dtype=np.float32)
    logits = detector.classifier(torch.from_numpy(embeddings)).detach().double()
    corrected = Detector.load(tmp_path).probabilities(embeddings, corrected=True)
    prior = torch.tensor([10, 90, 30], dtype=torch.float64) / 130
    sleeve = (logits[:, :3] + prior.log()).softmax(dim=1)
    np.testing.assert_allclose(corrected[:, :3], sleeve.numpy(), rtol=1e-5)
    bow = build("asl", [5], [100]).probabilities(logits[:, 3:])
    np.testing.assert_allclose(corrected[:, 3:], bow.numpy(), rtol=1e-6)
