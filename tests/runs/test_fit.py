from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longtailor import Catalog, Detector
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import FitOptions, Fitted
from longtailor.labels import Bands
from longtailor.runs.fit import Source, fit_run

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

FIGURES = {
    "map",
    "map_head",
    "map_medium",
    "map_tail",
    "map_micro",
    "f1_macro",
    "f1_macro_tail",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
    "labels_scored",
    "labels_skipped",
    "products",
}
COLUMNS = [
    "label",
    "attribute",
    "band",
    "train_positive",
    "train_negative",
    "train_unknown",
    "test_positive",
    "ap",
    "ap_low",
    "ap_high",
    "f1",
    "threshold",
]


def fitted_run(shop: Path, out: Path, **options: object) -> Fitted:
    fitted = fit_run(Source(shop), out, FitOptions(**options))  # type: ignore[arg-type]
    assert fitted is not None
    return fitted


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_run_has_the_files_of_the_contract(shop: Path, tmp_path: Path) -> None:
    fitted_run(shop, tmp_path / "run")
    assert sorted(contents(tmp_path / "run")) == [
        "detector/classifier.safetensors",
        "detector/detector.json",
        "labels.csv",
        "metrics.json",
        "report.html",
        "run.json",
    ]


def test_metrics_have_the_figures_of_the_contract(shop: Path, tmp_path: Path) -> None:
    fitted = fitted_run(shop, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert list(metrics) == ["test", "val"]
    for split in metrics:
        assert set(metrics[split]) >= FIGURES
        assert metrics[split] == fitted.evaluations[split].summary
        # No label of this small catalogue has a hundred training positives.
        assert metrics[split]["map_head"] is None
        assert 0 < metrics[split]["map_tail"] <= 1
    assert metrics["test"]["products"] == fitted.data.catalog.in_split("test").sum()


def test_labels_have_the_columns_and_counts_of_the_catalogue(shop: Path, tmp_path: Path) -> None:
    fitted = fitted_run(shop, tmp_path / "run")
    with (tmp_path / "run" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) >= set(COLUMNS)
    catalog = fitted.data.catalog
    assert {row["label"] for row in rows} == set(catalog.space.labels)
    counts = [int(row["train_positive"]) for row in rows]
    assert counts == sorted(counts, reverse=True)
    train, test = (catalog.matrix[catalog.in_split(split)] for split in ("train", "test"))
    for row in rows:
        column = catalog.space.labels.index(row["label"])
        assert row["attribute"] == row["label"].split(":")[0]
        for name, cell in (("positive", 1), ("negative", 0), ("unknown", -1)):
            assert int(row[f"train_{name}"]) == (train[:, column] == cell).sum()
        assert int(row["test_positive"]) == (test[:, column] == 1).sum()
        assert row["band"] == ("medium" if int(row["train_positive"]) >= 20 else "tail")
        assert float(row["threshold"]) == fitted.detector.thresholds[column]
        assert float(row["ap_low"]) <= float(row["ap_high"])


def test_figures_without_a_test_positive_are_empty_cells(shop: Path, tmp_path: Path) -> None:
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    table.with_columns(
        split=pl.Series(["train", "train", "train", "val", "test"] * 24)
    ).with_columns(
        split=pl.when(pl.col("sleeve") == "puff").then(pl.lit("train")).otherwise("split")
    ).write_csv(shop)
    fitted_run(shop, tmp_path / "run")
    labels = pl.read_csv(tmp_path / "run" / "labels.csv").filter(pl.col("label") == "sleeve:puff")
    assert labels["test_positive"].item() == 0
    for column in ("ap", "ap_low", "ap_high", "f1", "f1_at_half", "precision", "recall"):
        assert labels[column].item() is None
    assert labels["brier"].item() is not None
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test"]["labels_skipped"] == 1


def test_a_run_records_itself(shop: Path, tmp_path: Path) -> None:
    fitted = fitted_run(shop, tmp_path / "run", objective="effective_number:beta=auto", seed=3)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["command"] == "fit"
    assert record["status"] == "finished"
    assert record["catalog"] == str(shop)
    assert record["seed"] == 3
    assert record["configuration"] == {
        "objective": "effective_number:beta=auto",
        "encoder": "efficientnet_lite0",
        "min_positives": 2,
        "bands": "100,20",
        "seed": 3,
        "strict": False,
        "text_encoder": "all-minilm-l6-v2",
        "inputs": None,
        "finetune": None,
        "precision": None,
        "images": None,
        "attributes": None,
    }
    assert record["fingerprint"] == Catalog.read(shop).fingerprint
    assert {"longtailor", "python", "torch", "numpy"} <= set(record["versions"])
    assert {"read", "embed", "fit", "thresholds", "evaluate"} <= set(record["durations"])
    assert record["splits"] == {
        split: int(fitted.data.catalog.in_split(split).sum()) for split in ("train", "val", "test")
    }
    assert record["chosen"]["beta"] in {0.0, 0.9, 0.99, 0.999, 0.9999}
    assert record["chosen"] in record["trials"]
    assert {trial["beta"] for trial in record["trials"]} == {0.0, 0.9, 0.99, 0.999, 0.9999}


def test_the_same_command_twice_gives_the_same_bytes(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted_run(shop, tmp_path / "run", objective="inverse_frequency")
    first = contents(tmp_path / "run")
    fitted_run(shop, tmp_path / "run", objective="inverse_frequency")
    second = contents(tmp_path / "run")
    assert not (tmp_path / "run.1").exists()
    assert "kept" not in capsys.readouterr().err
    assert first.keys() == second.keys()
    for name in first.keys() - {"run.json"}:
        assert first[name] == second[name], name


def test_another_command_keeps_the_earlier_run(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    fitted_run(shop, out)
    first = contents(out)
    fitted_run(shop, out, seed=1)
    assert contents(tmp_path / "run.1") == first
    assert capsys.readouterr().err == f"kept the earlier run as {tmp_path / 'run.1'}\n"
    second = contents(out)
    fitted_run(shop, out, objective="inverse_frequency")
    assert contents(tmp_path / "run.1") == first
    assert contents(tmp_path / "run.2") == second


def test_a_command_that_fails_displaces_nothing(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fitted_run(shop, out)
    before = contents(out)
    with pytest.raises(LongtailorError, match="training positives"):
        fitted_run(shop, out, min_positives=1000)
    assert contents(out) == before
    assert not (tmp_path / "run.1").exists()


def test_a_run_that_never_had_figures_is_not_kept(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(LongtailorError, match="training positives"):
        fitted_run(shop, out, min_positives=1000)
    assert json.loads((out / "run.json").read_text())["status"] == "running"
    fitted_run(shop, out)
    assert not (tmp_path / "run.1").exists()
    assert json.loads((out / "run.json").read_text())["status"] == "finished"


def test_a_run_may_be_the_working_folder(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fitted_run(shop, Path())
    first = contents(tmp_path / "here")
    fitted_run(shop, Path(), seed=1)
    assert contents(tmp_path / "here.1") == first
    assert json.loads((tmp_path / "here" / "run.json").read_text())["seed"] == 1


def test_a_folder_that_is_no_run_is_refused_before_anything_is_embedded(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtailor.runs.fit.embed_products", None)
    before = contents(shop.parent)
    with pytest.raises(LongtailorError, match="is not empty and holds no run"):
        fitted_run(shop, shop.parent)
    with pytest.raises(LongtailorError, match="is a file"):
        fitted_run(shop, shop)
    assert contents(shop.parent) == before
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    with pytest.raises(LongtailorError, match=r"run\.json is damaged"):
        fitted_run(shop, tmp_path / "broken")


def test_resuming(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = FitOptions(seed=2)
    assert fit_run(Source(shop), out, options, resume=True) is not None
    finished = contents(out)
    assert fit_run(Source(shop), out, options, resume=True) is None
    assert contents(out) == finished
    with pytest.raises(UsageError, match="another configuration and seed"):
        fit_run(Source(shop), out, FitOptions(seed=3), resume=True)
    pl.read_csv(shop, infer_schema=False).head(100).write_csv(shop)
    with pytest.raises(UsageError, match="another fingerprint"):
        fit_run(Source(shop), out, options, resume=True)
    assert contents(out) == finished


def test_resuming_what_was_interrupted_gives_the_same_figures(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted_run(shop, tmp_path / "undisturbed")

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("longtailor.runs.fit.build_report", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fitted_run(shop, tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "running"
    assert fit_run(Source(shop), tmp_path / "run", FitOptions(), resume=True) is not None
    for name in ("metrics.json", "labels.csv"):
        assert contents(tmp_path / "run")[name] == contents(tmp_path / "undisturbed")[name]


def test_attributes_are_those_picked(shop: Path, tmp_path: Path) -> None:
    fit_run(Source(shop, attributes=["sleeve", "detail"]), tmp_path / "run", FitOptions())
    labels = pl.read_csv(tmp_path / "run" / "labels.csv")
    assert set(labels["attribute"]) == {"sleeve", "detail"}
    assert set(Detector.load(tmp_path / "run").space.attributes) == {"sleeve", "detail"}


def test_labels_left_out_are_listed(shop: Path, tmp_path: Path) -> None:
    fitted_run(shop, tmp_path / "run", min_positives=3, bands=Bands(thirds=True))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["labels_dropped"] == {"sleeve:puff": 2}
    bands = pl.read_csv(tmp_path / "run" / "labels.csv")["band"].to_list()
    assert bands == ["head"] * 3 + ["medium"] * 3 + ["tail"] * 3


def test_skipped_products_are_listed(shop: Path, tmp_path: Path) -> None:
    (shop.parent / "images" / "005.png").unlink()
    (shop.parent / "images" / "003.png").write_bytes(b"")
    fitted_run(shop, tmp_path / "run")
    skipped = pl.read_csv(tmp_path / "run" / "skipped.csv")
    assert skipped.columns == ["row", "what", "reason"]
    assert skipped["row"].to_list() == [5, 7]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["products_skipped"] == 2
    with pytest.raises(LongtailorError, match="row 7"):
        fitted_run(shop, tmp_path / "other", strict=True)


def test_the_detector_of_the_run_is_the_fitted_one(shop: Path, tmp_path: Path) -> None:
    fitted = fitted_run(shop, tmp_path / "run")
    at = fitted.data.catalog.in_split("test")
    np.testing.assert_array_equal(
        Detector.load(tmp_path / "run").probabilities(fitted.data.embeddings[at]),
        fitted.probabilities["test"],
    )


def test_a_promise_is_kept_recorded_and_saved(make_shop, tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", {"short": 300, "long": 200, "puff": 6})
    fitted = fit_run(Source(shop), tmp_path / "run", FitOptions(precision=0.8))
    assert fitted is not None
    table = pl.read_csv(tmp_path / "run" / "labels.csv")
    kept = table.filter(pl.col("promised"))
    lost = table.filter(~pl.col("promised"))
    assert 0 < len(kept) < len(table)
    assert kept["threshold"].null_count() == 0
    assert lost["threshold"].null_count() == len(lost)
    assert "sleeve:puff" in lost["label"]
    assert (kept["val_positive_lacking"] == 0).all()
    assert lost.filter(pl.col("label") == "sleeve:puff")["val_positive_lacking"].item() > 0
    told = json.loads((tmp_path / "run" / "metrics.json").read_text())["promise"]
    assert (told["precision"], told["delta"]) == (0.8, 0.1)
    assert (told["labels_promised"], told["labels_without"]) == (len(kept), len(lost))
    detector = Detector.load(tmp_path / "run")
    assert detector.promise is not None
    assert detector.promise.to_dict() == fitted.detector.promise.to_dict()
    # Certain as it may be, a label without a promise is not predicted, nor is one value at least.
    predicted = detector.decide(np.ones((1, len(detector.space))))
    assert predicted[0].tolist() == detector.promise.kept.tolist()
    assert not detector.decide(np.zeros((1, len(detector.space)))).any()


def test_the_recipe_keeps_val_for_the_promise(make_shop, tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", {"short": 300, "long": 200})
    fitted = fit_run(Source(shop), tmp_path / "run", FitOptions("auto", precision=0.8))
    assert fitted is not None
    assert fitted.fit.held_out is not None
    assert len(fitted.fit.held_out) == fitted.data.catalog.in_split("train").sum()
    np.testing.assert_array_equal(
        fitted.probabilities["val"], fitted.detector.probabilities(fitted.data.of("val"))
    )


@pytest.mark.parametrize("precision", [0.0, 1.0, 90.0])
def test_a_promise_is_a_share(precision: float) -> None:
    with pytest.raises(UsageError, match=f"--precision {precision:g}: give a share between"):
        FitOptions(precision=precision)
