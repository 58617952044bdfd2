from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import longtailor
from longtailor import Catalog
from longtailor.errors import CatalogError
from longtailor.fitting import FitOptions, Fitted
from longtailor.runs.evaluate import evaluate_run
from longtailor.runs.fit import Source, fit_run

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")


@pytest.fixture
def part(shop: Path) -> Path:
    """The shop with a split, and the sleeves of two in three training products unknown."""
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    split = np.array(["train", "train", "val", "test"] * 30)
    known = (split != "train") | (np.arange(120) % 3 == 0)
    path = shop.with_name("part.csv")
    table.with_columns(
        split=pl.Series(split),
        sleeve=pl.when(pl.Series(known)).then("sleeve").otherwise(pl.lit("")),
    ).write_csv(path)
    return path


def truth(shop: Path) -> dict[str, str]:
    return dict(pl.read_csv(shop, infer_schema=False).select("id", "sleeve").iter_rows())


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps({**row, "review:decision": "yes"}) + "\n" for row in rows))
    return path


def fit(part: Path, out: Path, annotations: Path | None, **options: object) -> Fitted:
    chosen = FitOptions(objective="none", **options)  # type: ignore[arg-type]
    fitted = fit_run(Source(part, annotations=annotations), out, chosen)
    assert fitted is not None
    return fitted


def read(path: Path) -> dict[str, object]:
    value: dict[str, object] = json.loads(path.read_bytes())
    return value


def test_decisions_are_learned_from_and_what_they_changed_is_told(
    shop: Path, part: Path, tmp_path: Path
) -> None:
    sleeves = truth(shop)
    catalog = Catalog.read(part)
    unknown = [
        one
        for one, row, split in zip(catalog.ids, catalog.matrix, catalog.split, strict=True)
        if split == "train" and row[catalog.space.groups["sleeve"][0]] == -1
    ]
    file = write(tmp_path / "a.jsonl", [{"id": one, "sleeve": sleeves[one]} for one in unknown])
    before = fit(part, tmp_path / "before", None)
    after = fit(part, tmp_path / "after", file)
    assert after.detector.space.exclusive >= {"sleeve"}

    record, metrics = (read(tmp_path / "after" / name) for name in ("run.json", "metrics.json"))
    annotated = record["annotated"]
    assert isinstance(annotated, dict)
    values = len(catalog.space.groups["sleeve"])
    assert annotated["products"] == len(unknown)
    assert annotated["set_aside"] == {"test": 0}
    assert annotated["cells"]["unknown_to_positive"] == len(unknown)
    assert annotated["cells"]["unknown_to_negative"] == len(unknown) * (values - 1)
    assert annotated["cells"]["positive_to_negative"] == 0
    short = next(one for one in annotated["labels"] if one["label"] == "sleeve:short")
    assert short["train_positive"] - short["train_positive_before"] == short["unknown_to_positive"]

    from_python = longtailor.fit(Catalog.read(part), objective="none", annotations=file)
    assert from_python.objective == after.detector.objective
    np.testing.assert_array_equal(from_python.thresholds, after.detector.thresholds)

    compared = metrics["annotations"]
    assert isinstance(compared, dict)
    labels = before.data.catalog.space.labels
    assert compared["labels"] == len(labels)
    assert compared["test"]["without"]["map"] == pytest.approx(
        before.evaluations["test"].summary["map"]
    )
    both = [after.data.catalog.space.labels.index(label) for label in labels]
    assert compared["test"]["with"]["map"] == pytest.approx(
        np.nanmean(after.evaluations["test"].ap[both])
    )
    (paired,) = (one for one in compared["paired"] if one["metric"] == "map")
    assert paired["difference"] == pytest.approx(
        compared["test"]["with"]["map"] - compared["test"]["without"]["map"]
    )
    assert paired["low"] <= paired["high"]
    assert compared["test_corrected"] == {}


def test_the_test_cells_stay_as_the_catalogue_has_them(
    shop: Path, part: Path, tmp_path: Path
) -> None:
    catalog = Catalog.read(part)
    of = {split: catalog.ids[int(np.argmax(catalog.split == split))] for split in ("val", "test")}
    rows = [{"id": one, "pattern": "plain", "detail": "-"} for one in of.values()]
    rows[1]["detail"] = "bow|frill"
    file = write(tmp_path / "a.jsonl", rows)
    before = fit(part, tmp_path / "before", None)
    after = fit(part, tmp_path / "after", file)
    test = after.data.catalog.in_split("test")
    np.testing.assert_array_equal(
        after.data.catalog.matrix[test],
        before.data.catalog.matrix[before.data.catalog.in_split("test")],
    )
    annotated = read(tmp_path / "after" / "run.json")["annotated"]
    assert isinstance(annotated, dict)
    assert annotated["set_aside"] == {"test": 1}
    compared = read(tmp_path / "after" / "metrics.json")["annotations"]
    assert isinstance(compared, dict)
    assert set(compared["test_corrected"]) == {"map", "map_tail", "f1_macro"}
    promised = fit(part, tmp_path / "promised", file, precision=0.5)
    aside = read(tmp_path / "promised" / "run.json")["annotated"]
    assert isinstance(aside, dict)
    assert aside["set_aside"] == {"test": 1, "val": 1}
    assert promised.detector.promise is not None


def test_evaluate_measures_such_a_run_on_the_same_test_products(shop: Path, tmp_path: Path) -> None:
    sleeves = truth(shop)
    file = write(
        tmp_path / "a.jsonl",
        [
            {"id": one, "sleeve": "puff" if i % 9 == 0 else sleeves[one]}
            for i, one in enumerate(sleeves)
        ],
    )
    fitted = fit(shop, tmp_path / "run", file)
    measured = evaluate_run(tmp_path / "run", shop)
    assert measured.evaluation.summary["map"] == fitted.evaluations["test"].summary["map"]


def test_products_of_the_file_alone_join_train_and_move_no_split(
    shop: Path, tmp_path: Path
) -> None:
    (shop.parent / "images" / "broken.png").write_bytes(b"no image")
    image = shop.parent / "images" / "000.png"
    (shop.parent / "images" / "new.png").write_bytes(image.read_bytes())
    file = write(
        tmp_path / "a.jsonl",
        [
            {"id": "new", "image": "images/new.png", "sleeve": "puff"},
            {"id": "broken", "image": "images/broken.png", "sleeve": "puff"},
            {"id": "p0", "sleeve": "kimono"},
        ],
    )
    before = fit(shop, tmp_path / "before", None).data.catalog
    after = fit(shop, tmp_path / "after", file).data.catalog
    assert after.ids == (*before.ids, "new")
    assert after.split.tolist() == [*before.split.tolist(), "train"]
    skipped = pl.read_csv(tmp_path / "after" / "skipped.csv")
    assert skipped["what"].to_list() == ["a.jsonl: broken", "a.jsonl: label 'sleeve:kimono'"]
    with pytest.raises(CatalogError, match=r"a\.jsonl, row 3: .*kimono.* \(strict\)"):
        fit(shop, tmp_path / "strict", file, strict=True)


def test_labels_that_could_not_be_learned_before_are_named(
    shop: Path, part: Path, tmp_path: Path
) -> None:
    sleeves = truth(shop)
    puff = [one for one, sleeve in sleeves.items() if sleeve == "puff"]
    table = pl.read_csv(part, infer_schema=False).fill_null("")
    mine = pl.col("id").is_in(puff)
    table.with_columns(
        split=pl.when(mine).then(pl.lit("train")).otherwise("split"),
        sleeve=pl.when(mine & (pl.col("id") != puff[0]))
        .then(pl.lit(""))
        .otherwise(pl.when(mine).then(pl.lit("puff")).otherwise("sleeve")),
    ).write_csv(part)
    file = write(tmp_path / "a.jsonl", [{"id": one, "sleeve": "puff"} for one in puff])
    fit(part, tmp_path / "after", file)
    compared = read(tmp_path / "after" / "metrics.json")["annotations"]
    assert isinstance(compared, dict)
    assert compared["labels_gained"] == ["sleeve:puff"]
    assert compared["labels_lost"] == []


def test_a_file_of_decisions_can_be_fitted_by_itself(shop: Path) -> None:
    table = pl.read_csv(shop, infer_schema=False).fill_null("")
    file = write(
        shop.with_name("a.jsonl"),
        [
            {"id": row["id"], "image": row["image"], name: cell}
            for row in table.iter_rows(named=True)
            for name, cell in (("sleeve", row["sleeve"]), ("detail", "!frill"), ("detail", "bow|?"))
        ],
    )
    fitted = fit(file, shop.parent / "run", None)
    assert len(fitted.data.catalog) == 120
    assert "sleeve:short" in fitted.detector.space.labels


@pytest.mark.usefixtures("light_encoder")
def test_a_missing_file_is_told(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"--annotations .*No such file"):
        fit(shop, tmp_path / "run", tmp_path / "none.jsonl")
