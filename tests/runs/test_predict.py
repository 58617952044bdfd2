from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longtailor import Detector
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import FitOptions
from longtailor.runs.fit import Source, fit_run
from longtailor.runs.predict import predict_run

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

COLUMNS = ["id", "image", "label", "score", "predicted"]


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    fit_run(Source(shop), tmp_path / "run", FitOptions())
    return tmp_path / "run"


def read(path: Path) -> pl.DataFrame:
    match path.suffix:
        case ".csv":
            return pl.read_csv(path)
        case ".jsonl":
            return pl.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
        case _:
            return pl.read_parquet(path)


def test_each_format_holds_one_row_a_product_and_label(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    detector = Detector.load(run)
    tables = []
    for suffix in ("csv", "jsonl", "parquet"):
        out = tmp_path / "new" / "folder" / f"out.{suffix}"
        assert predict_run(run, [shop], out).products == 120
        tables.append(read(out))
        assert tables[-1].columns == COLUMNS
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == [
        "out.csv",
        "out.jsonl",
        "out.parquet",
    ]
    table = tables[0]
    assert table.equals(tables[1])
    assert table.equals(tables[2])
    catalog = pl.read_csv(shop)
    assert table["id"].unique(maintain_order=True).to_list() == catalog["id"].to_list()
    assert table["image"].unique(maintain_order=True).to_list() == catalog["image"].to_list()
    assert table["label"].to_list() == list(detector.space.labels) * 120
    paths = [shop.parent / image for image in catalog["image"]]
    wanted = detector.predict(paths)
    np.testing.assert_allclose(table["score"], wanted["score"], rtol=1e-6)
    assert table["predicted"].to_list() == wanted["predicted"].to_list()


def test_exclusive_attributes_predict_one_value_unless_told_not_to(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    space = Detector.load(run).space
    assert space.exclusive == {"sleeve", "pattern"}
    out = tmp_path / "out.csv"
    predict_run(run, [shop], out)
    counts = (
        read(out)
        .with_columns(attribute=pl.col("label").str.split(":").list.first())
        .group_by("id", "attribute")
        .agg(pl.col("predicted").sum())
    )
    for attribute in space.exclusive:
        assert counts.filter(attribute=attribute)["predicted"].unique().to_list() == [1]
    predict_run(run, [shop], out, exclusive=False)
    table = read(out)
    limits = dict(zip(space.labels, Detector.load(run).thresholds, strict=True))
    threshold = table["label"].replace_strict(limits, return_dtype=pl.Float64)
    assert (table["predicted"] == (table["score"] >= threshold)).all()


def test_a_catalogue_needs_no_labels(shop: Path, run: Path, tmp_path: Path) -> None:
    plain = shop.with_name("new.jsonl")
    plain.write_text("".join(f'{{"image": "images/{i:03d}.png"}}\n' for i in range(5)))
    predict_run(run, [plain], tmp_path / "out.csv")
    assert read(tmp_path / "out.csv")["id"].n_unique() == 5
    moved = tmp_path / "elsewhere" / "new.jsonl"
    moved.parent.mkdir()
    plain.rename(moved)
    predict_run(run, [moved], tmp_path / "other.csv", images=shop.parent)
    assert (tmp_path / "other.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_a_folder_is_searched_and_what_is_no_image_left_alone(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    for number, name in enumerate(("b.PNG", "a.png", "deep/er/a.png")):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shop.parent / "images" / f"00{number}.png", photos / name)
    (photos / "notes.txt").write_text("no image")
    assert predict_run(run, [photos], tmp_path / "out.csv").products == 3
    table = read(tmp_path / "out.csv")
    names = table["image"].unique(maintain_order=True).to_list()
    assert names == ["a.png", "b.PNG", "deep/er/a.png"]
    wanted = Detector.load(run).predict([photos / name for name in names])
    np.testing.assert_allclose(table["score"], wanted["score"], rtol=1e-6)


def test_files_of_one_name_in_several_folders_are_told_apart(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(shop.parent / "images" / "000.png", tmp_path / folder / "a.png")
    predict_run(run, [tmp_path / "one", tmp_path / "two"], tmp_path / "out.csv")
    ids = read(tmp_path / "out.csv")["id"].unique(maintain_order=True).to_list()
    assert ids == [str(tmp_path / "one" / "a.png"), str(tmp_path / "two" / "a.png")]


def test_a_file_that_is_given_twice_is_scored_once(shop: Path, run: Path, tmp_path: Path) -> None:
    images = shop.parent / "images"
    given = [images / "001.png", images, images / "001.png"]
    assert predict_run(run, given, tmp_path / "out.csv").products == 120
    table = read(tmp_path / "out.csv")
    assert len(table) == 120 * len(Detector.load(run).space)


def test_broken_images_are_listed_and_the_rest_is_scored(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    predict_run(run, [shop], out)
    whole = read(out)
    images = shop.parent / "images"
    (images / "002.png").write_bytes(b"")
    (images / "005.png").write_text("text")
    (images / "007.png").unlink()
    scored = predict_run(run, [shop], out)
    assert scored.products == 117
    skipped = pl.read_csv(tmp_path / "out.skipped.csv")
    assert skipped["row"].to_list() == [4, 7, 9]
    assert read(out).equals(whole.filter(~pl.col("id").is_in(["p2", "p5", "p7"])))
    shutil.rmtree(images)
    with pytest.raises(LongtailorError, match=r"images"):
        predict_run(run, [shop], out)
    assert read(out)["id"].n_unique() == 117


def test_the_list_of_an_earlier_command_goes_with_its_skips(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    image = shop.parent / "images" / "002.png"
    content = image.read_bytes()
    image.write_bytes(b"")
    predict_run(run, [shop], tmp_path / "out.csv")
    assert (tmp_path / "out.skipped.csv").exists()
    image.write_bytes(content)
    predict_run(run, [shop], tmp_path / "out.csv")
    assert not (tmp_path / "out.skipped.csv").exists()


def test_when_nothing_can_be_decoded_the_file_has_no_rows(
    shop: Path, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    for suffix in ("csv", "parquet"):
        scored = predict_run(run, [tmp_path / "a.png"], tmp_path / f"out.{suffix}")
        assert (scored.products, scored.skipped) == (0, 1)
        table = read(tmp_path / f"out.{suffix}")
        assert (table.columns, len(table)) == (COLUMNS, 0)


def test_what_makes_no_sense_is_refused_before_anything_is_scored(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtailor.runs.predict.score", None)
    image = shop.parent / "images" / "000.png"
    before = shop.read_bytes()
    (tmp_path / "folder.csv").mkdir()
    for given, out, match in (
        ([shop], tmp_path / "out.txt", r"use one of \.csv, \.jsonl, \.parquet"),
        ([shop], tmp_path / "out", r"use one of"),
        ([shop], tmp_path / "folder.csv", "is a folder"),
        ([shop], shop, "is what is to be scored"),
        ([shop], shop.parent / "images" / ".." / shop.name, "is what is to be scored"),
        ([shop, image], tmp_path / "out.csv", "is a catalogue; score it by itself"),
    ):
        with pytest.raises(UsageError, match=match):
            predict_run(run, given, out)
    with pytest.raises(UsageError, match="--images goes with a catalogue"):
        predict_run(run, [image], tmp_path / "out.csv", images=tmp_path)
    (tmp_path / "empty").mkdir()
    for given, match in (
        ([tmp_path / "gone.png"], r"gone\.png does not exist"),
        ([tmp_path / "gone.csv"], r"gone\.csv: no such file"),
        ([tmp_path / "empty"], "empty holds no image"),
    ):
        with pytest.raises(LongtailorError, match=match):
            predict_run(run, given, tmp_path / "out.csv")
    with pytest.raises(LongtailorError, match="holds no detector"):
        predict_run(tmp_path, [image], tmp_path / "out.csv")
    assert shop.read_bytes() == before
    assert not (tmp_path / "out.csv").exists()


def test_strict_fails_on_what_would_be_listed(shop: Path, run: Path, tmp_path: Path) -> None:
    rows = shop.read_text().splitlines()
    broken = shop.parent / "images" / "broken.jpg"
    broken.write_bytes(b"no image")
    column = rows[0].split(",").index("image")
    cells = rows[1].split(",")
    for name in ("missing.jpg", "images/broken.jpg"):
        other = shop.with_name("other.csv")
        cells[column] = name
        other.write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
        assert predict_run(run, [other], tmp_path / "out.csv").products == 119
        with pytest.raises(LongtailorError, match="strict"):
            predict_run(run, [other], tmp_path / "strict.csv", strict=True)
        assert not (tmp_path / "strict.csv").exists()


def test_corrected_scores_are_a_column_of_their_own(shop: Path, run: Path, tmp_path: Path) -> None:
    fit_run(Source(shop), tmp_path / "weighted", FitOptions("inverse_frequency"))
    predict_run(tmp_path / "weighted", [shop], tmp_path / "out.csv", corrected=True)
    table = read(tmp_path / "out.csv")
    assert table.columns == [*COLUMNS, "score_corrected"]
    detector = Detector.load(tmp_path / "weighted")
    assert detector.correction is not None
    logit = {name: np.log(table[name] / (1 - table[name])).to_numpy() for name in COLUMNS[3:4]}
    corrected = table["score_corrected"].to_numpy()
    shift = np.tile(detector.correction, 120)
    np.testing.assert_allclose(corrected, 1 / (1 + np.exp(shift - logit["score"])), atol=1e-6)
