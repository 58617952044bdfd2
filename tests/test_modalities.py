"""Texts, and images and texts together: fitted, saved, evaluated, predicted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.torch import save_file

from longtailor import Catalog, Detector
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.fitting import FitOptions, Fitted, embed_catalog, fit_embedded
from longtailor.reporting.report import build_report
from longtailor.runs.evaluate import evaluate_run
from longtailor.runs.fit import Source, fit_run, identify
from longtailor.runs.predict import predict_run
from longtailor.studies.inputs import METRICS, compare_inputs
from longtailor.training.deep.options import FineTuning

pytestmark = pytest.mark.usefixtures("light_text_encoder")

WORDS = {"short": "aaa", "long": "bbb", "cap": "ccc", "sleeveless": "ddd", "bell": "eee"}


def table(shop: Path) -> pl.DataFrame:
    return pl.read_csv(shop, infer_schema=False).fill_null("")


@pytest.fixture
def texts(shop: Path) -> Path:
    """The shop with texts that tell the sleeve, and no image."""
    told = pl.col("sleeve").replace_strict(WORDS, default="fff")
    path = shop.with_name("texts.csv")
    table(shop).with_columns(text=told + " shirt").drop("image").write_csv(path)
    return path


@pytest.fixture
def both(shop: Path) -> Path:
    """The shop with texts: every fourth product has no image, the one after it no text."""
    at = pl.int_range(pl.len()) % 4
    told = pl.col("sleeve").replace_strict(WORDS, default="fff")
    path = shop.with_name("both.csv")
    table(shop).with_columns(
        image=pl.when(at == 0).then(pl.lit("")).otherwise("image"),
        text=pl.when(at == 1).then(pl.lit("  ")).otherwise(told + pl.lit(" shirt")),
    ).write_csv(path)
    return path


def fitted(path: Path, **options: object) -> tuple[Fitted, FitOptions]:
    chosen = FitOptions(**options)  # type: ignore[arg-type]
    return fit_embedded(embed_catalog(Catalog.read(path), chosen), chosen), chosen


def metrics(run: Path) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((run / "metrics.json").read_text())
    return found


def test_texts_are_fitted_evaluated_and_predicted(texts: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert fit_run(Source(texts), run, FitOptions()) is not None
    assert (metrics(run)["test"]["map"] or 0) > 0.5
    assert list(metrics(run)) == ["test", "val"]
    report = (run / "report.html").read_text()
    assert "<q>fff shirt</q>" in report
    assert "letters of texts, 256 tokens" in report
    assert evaluate_run(run, texts).evaluation.summary == metrics(run)["test"]
    for suffix in ("csv", "jsonl", "parquet"):
        given = tmp_path / f"new.{suffix}"
        frame = pl.DataFrame({"text": ["aaa shirt", " ", "bbb shirt"], "id": ["x", "y", "z"]})
        getattr(frame, {"jsonl": "write_ndjson"}.get(suffix, f"write_{suffix}"))(given)
        scored = predict_run(run, [given], tmp_path / "out.csv")
        assert (scored.products, scored.skipped) == (2, 1)
        rows = pl.read_csv(tmp_path / "out.csv")
        assert rows["id"].unique(maintain_order=True).to_list() == ["x", "z"]
        assert rows["image"].null_count() == len(rows)
        sleeves = rows.filter(pl.col("predicted") & pl.col("label").str.starts_with("sleeve:"))
        assert sleeves["label"].to_list() == ["sleeve:short", "sleeve:long"]
    wanted = Detector.load(run).predict(texts=["aaa shirt", "bbb shirt"])
    np.testing.assert_allclose(rows["score"], wanted["score"], rtol=1e-6)


def test_products_with_one_thing_missing_are_fitted_and_scored(both: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert fit_run(Source(both), run, FitOptions()) is not None
    detector = Detector.load(run)
    assert list(detector.encoders) == ["image", "text"]
    measured = evaluate_run(run, both)
    assert measured.evaluation.summary == metrics(run)["test"]
    assert measured.notes == [
        "30 of 120 products have no image: they are measured without",
        "30 of 120 products have no text: they are measured without",
    ]
    scored = predict_run(run, [both], tmp_path / "out.csv")
    assert (scored.products, scored.skipped) == (120, 0)
    rows = pl.read_csv(tmp_path / "out.csv")
    catalog = Catalog.read(both)
    wanted = detector.predict(catalog.images, texts=catalog.texts)
    np.testing.assert_allclose(rows["score"], wanted["score"], rtol=1e-6)
    found = metrics(run)
    assert set(found["inputs"]) == {"image", "text", "both"}
    assert found["inputs"]["both"]["test"] == found["test"]
    pairs = {(one["b"], one["metric"]) for one in found["inputs_paired"]}  # type: ignore[index]
    assert pairs == {(name, metric) for name in ("image", "text") for metric in METRICS}
    assert "What images and texts add" in (run / "report.html").read_text()


def test_a_broken_image_is_listed_and_the_text_is_used(both: Path, tmp_path: Path) -> None:
    (both.parent / "images" / "002.png").write_bytes(b"")
    (both.parent / "images" / "001.png").write_bytes(b"")
    run = tmp_path / "run"
    one = fit_run(Source(both), run, FitOptions())
    assert one is not None
    skips = {skip.what: skip.reason for skip in one.data.catalog.skipped}
    assert skips["p2"].endswith("the file is empty; its text is used")
    assert skips["p1"].endswith("the file is empty")
    assert len(one.data.catalog) == 119
    scored = predict_run(run, [both], tmp_path / "out.csv")
    assert (scored.products, scored.skipped) == (119, 2)
    with pytest.raises(LongtailorError, match=r"row 3: p1: .*001\.png.* \(strict\)"):
        predict_run(run, [both], tmp_path / "out.csv", strict=True)
    with pytest.raises(CatalogError, match="row 3: p1"):
        fitted(both, strict=True)


def test_what_is_missing_moves_no_logit_from_the_average(both: Path) -> None:
    detector = fitted(both)[0].detector
    image = both.parent / "images" / "002.png"
    weight = detector.classifier.weight.detach().double().numpy()
    average = detector.classifier.average.double().numpy()
    alone = detector.logits(detector.embed([image], texts=[None]))
    pictures = detector.embed([image], texts=["aaa"])[:, :96].astype(np.float64)
    rooted = np.sqrt(pictures)
    rooted /= np.linalg.norm(rooted)
    wanted = (
        rooted @ weight[:, :96].T
        + weight[:, 96:] @ average[96:]
        + detector.classifier.bias.detach().numpy()
    )
    np.testing.assert_allclose(alone, wanted, atol=1e-4)


@pytest.mark.parametrize("inputs", ["image", "text"])
def test_one_input_can_be_chosen(both: Path, inputs: str) -> None:
    one, options = fitted(both, inputs=inputs)
    assert list(one.detector.encoders) == [inputs]
    assert len(one.data.catalog) == 90
    reason = "has a text but no image" if inputs == "image" else "has an image but no text"
    assert {skip.reason for skip in one.data.catalog.skipped} == {reason}
    assert compare_inputs(one, options) is None


def test_inputs_that_are_not_there_are_refused(shop: Path, texts: Path) -> None:
    with pytest.raises(CatalogError, match="no product has a text"):
        fitted(shop, inputs="both")
    with pytest.raises(CatalogError, match="no product has an image"):
        fitted(texts, inputs="image")
    with pytest.raises(UsageError, match="use image, text, both"):
        fitted(shop, inputs="sound")


def test_what_each_input_adds_is_measured_on_the_same_products(both: Path) -> None:
    one, options = fitted(both)
    inputs = compare_inputs(one, options)
    assert inputs is not None
    test = one.evaluations["test"].summary
    for name in ("image", "text"):
        alone = inputs.evaluations[name]["test"].summary
        assert alone["products"] == test["products"]
        difference = inputs.differences[name]["map"]
        assert difference.difference == pytest.approx(test["map"] - alone["map"], abs=1e-6)  # type: ignore[operator]
        assert difference.low <= difference.high  # type: ignore[operator]
        assert inputs.having[name]["test"] < test["products"]  # type: ignore[operator]
    alone, _ = fitted(both)
    data = alone.data.only("text")
    again = fit_embedded(data, options)
    assert again.evaluations["test"].summary == inputs.evaluations["text"]["test"].summary
    page = build_report(one, identify(Source(both), options, Catalog.read(both)), inputs)
    assert "image alone" in page


def test_what_a_detector_cannot_read_is_refused(shop: Path, texts: Path, both: Path) -> None:
    image = shop.parent / "images" / "002.png"
    for_texts, for_images = fitted(texts)[0].detector, fitted(shop)[0].detector
    with pytest.raises(UsageError, match="fitted to texts, and reads no image"):
        for_texts.predict([image])
    with pytest.raises(UsageError, match="fitted to images, and reads no text"):
        for_images.predict([image], texts=["aaa"])
    with pytest.raises(LongtailorError, match="product 1 has no text"):
        for_texts.predict(texts=["aaa", "  "])
    detector = fitted(both)[0].detector
    with pytest.raises(UsageError, match="as many images as texts"):
        detector.predict([image, image], texts=["aaa"])
    with pytest.raises(LongtailorError, match="product 0 has no image and no text"):
        detector.predict([None], texts=[None])
    assert len(detector.predict(image, texts="aaa")) == len(detector.space)
    assert len(detector.predict([image])) == len(detector.space)
    embeddings = detector.embed([image], texts=["aaa"])
    embeddings[0, 3] = np.nan
    with pytest.raises(LongtailorError, match="NaN in part"):
        detector.logits(embeddings)


def test_a_detector_of_format_1_is_read(shop: Path, tmp_path: Path) -> None:
    detector = fitted(shop)[0].detector
    detector.save(tmp_path / "old")
    path = tmp_path / "old" / "detector.json"
    described = json.loads(path.read_text())
    described["format"] = 1
    described["encoder"] = described.pop("encoders")["image"]
    del described["blocks"]
    weights = tmp_path / "old" / "classifier.safetensors"
    save_file(
        {"weight": detector.classifier.weight.data, "bias": detector.classifier.bias.data}, weights
    )
    described["sha256"] = {weights.name: hashlib.sha256(weights.read_bytes()).hexdigest()}
    path.write_text(json.dumps(described))
    image = shop.parent / "images" / "002.png"
    loaded = Detector.load(tmp_path / "old")
    assert loaded.predict([image]).equals(detector.predict([image]))
    loaded.save(tmp_path / "new")
    assert Detector.load(tmp_path / "new").predict([image]).equals(detector.predict([image]))


@pytest.mark.parametrize("tuning", [{"image_size": 96}, {"augment": "crop"}])
def test_texts_are_not_tuned_with_what_is_of_photos(texts: Path, tuning: dict[str, Any]) -> None:
    options = FitOptions(finetune=FineTuning(**tuning))
    with pytest.raises(UsageError, match=f"{next(iter(tuning))} is .* leave it out"):
        embed_catalog(Catalog.read(texts), options)
