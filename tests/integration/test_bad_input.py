"""Bad input through the command line: one clear line, or a counted and listed skip."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from longtailor.cli.main import app

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def assert_one_line(result: Any, status: int, *parts: str) -> None:
    """The command failed, said so in one line on standard error, and nothing on standard output."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("longtailor: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    for part in parts:
        assert part in result.stderr


def edit(shop: Path, change: Callable[[str], str]) -> None:
    shop.write_text(change(shop.read_text()))


def cells(shop: Path) -> pl.DataFrame:
    return pl.read_csv(shop, infer_schema=False).fill_null("")


def test_a_missing_file(tmp_path: Path) -> None:
    assert_one_line(call("fit", tmp_path / "no.csv", "--out", tmp_path / "r"), 1, "no.csv", "no su")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["products.csv"]),
        ("id,image,sleeve\n", ["products.csv", "no products"]),
        ("id,photo,sleeve\na,a.png,puff\n", ["no column 'image' or 'text'", "'photo'"]),
        ("id,image\na,images/000.png\n", ["has no attribute"]),
        ("id,image,sleeve\na,images/000.png,\nb,images/001.png,\n", ["no label is known"]),
        (
            "id,image,sleeve\na,images/000.png,puff\na,images/001.png,cap\n",
            ["column 'id'", "rows 2 and 3", "'a'"],
        ),
        ("id,image,sleeve\na,images/000.png,puff|-\n", ["row 2", "column 'sleeve'", "marked '-'"]),
        ("id,image,labels\na,images/000.png,puff\n", ["row 2", "'labels'", "attribute:value"]),
        ("id,image,sleeve,split\na,images/000.png,puff,trian\n", ["row 2", "'split'", "'trian'"]),
        ("id,image,sleeve\na,../products.csv,puff\n", ["row 2", "../products.csv"]),
        ("id,image,sleeve\na,/etc/passwd,puff\n", ["row 2", "/etc/passwd"]),
        ("id,image,sleeve\na,gone.png,puff\n", ["row 2", "gone.png", "no such file"]),
        ("id,image,sleeve,sleeve\na,images/000.png,puff,cap\n", ["sleeve"]),
        ('id,image,sleeve\na,images/000.png,"puff\n', ["products.csv"]),
    ],
)
def test_a_catalogue_that_is_none(
    shop: Path, tmp_path: Path, content: str, parts: list[str]
) -> None:
    shop.write_text(content)
    assert_one_line(call("fit", shop, "--out", tmp_path / "r"), 1, *parts)


def test_an_unknown_attribute_and_an_unknown_objective_name_the_nearest(
    shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    result = call("fit", shop, "--out", out, "--attributes", "sleve")
    assert_one_line(result, 1, "'sleve'", "'sleeve'")
    for objective, parts in {
        "efective_number": ["'efective_number'", "effective_number"],
        "effective_number:beta=1.5": ["beta=1.5"],
        "effective_number:beat=0.9": ["'beat'", "beta"],
        "effective_number:beta": ["parameter=value"],
        "": ["''"],
    }.items():
        result = call("fit", shop, "--out", out, "--objective", objective)
        assert_one_line(result, 2, *parts)
    assert_one_line(call("fit", shop, "--out", out, "--bands", "5"), 2, "'5'", "thirds")
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit"],
        ["fit", "products.csv"],
        ["fit", "products.csv", "--out", "r", "--seed", "-1"],
        ["fit", "products.csv", "--out", "r", "--min-positives", "0"],
        ["fit", "products.csv", "--out", "r", "--frobnicate"],
        ["predict", "r", "--out", "a.csv"],
        ["nonsense"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_values_that_differ_by_case_only_are_warned_of(shop: Path, tmp_path: Path) -> None:
    edit(shop, lambda text: text.replace(",cap,", ",Cap,", 9))
    result = call("fit", shop, "--out", tmp_path / "r")
    assert result.exit_code == 0
    assert "warning: attribute 'sleeve': the values 'Cap' and 'cap' differ by case" in result.stderr
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert any("'Cap' and 'cap'" in warning for warning in record["warnings"])


def spoil(shop: Path) -> dict[int, str]:
    """Break images of all kinds; give row -> what `skipped.csv` is to say of it."""
    images = shop.parent / "images"
    photo = Image.open(images / "000.png").resize((200, 160))
    content = {}
    photo.save(images / "whole.jpg", quality=95)
    jpeg = (images / "whole.jpg").read_bytes()
    (images / "whole.jpg").unlink()
    content["002.png"] = jpeg[: len(jpeg) // 2], "cannot be decoded"
    content["005.png"] = b"", "the file is empty"
    content["008.png"] = b"a shopping list", "no image in a known format"
    content["011.png"] = b"\x89PNG\r\n\x1a\n", "cannot be decoded|known format"
    content["014.png"] = png_that_claims(20_000, 20_000), "400000000|20000 x 20000|too many pixels"
    for name, (data, _) in content.items():
        (images / name).write_bytes(data)
    (images / "017.png").unlink()
    said = {int(name[:3]) + 2: reason for name, (_, reason) in content.items()}
    return {**said, 19: "no such file"}


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def test_broken_images_are_counted_and_listed(shop: Path, tmp_path: Path) -> None:
    wanted = spoil(shop)
    result = call("fit", shop, "--out", tmp_path / "r")
    assert result.exit_code == 0, result.output
    assert f"6 skipped, listed in {tmp_path / 'r' / 'skipped.csv'}\n" in result.stderr
    skipped = pl.read_csv(tmp_path / "r" / "skipped.csv")
    assert skipped["row"].to_list() == sorted(wanted)
    for row, reason in zip(skipped["row"], skipped["reason"], strict=True):
        assert any(part in reason for part in wanted[row].split("|")), reason
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["test"]["map"] > 0.5
    assert json.loads((tmp_path / "r" / "run.json").read_text())["products_skipped"] == 6


@pytest.mark.parametrize("name", ["002.png", "005.png", "008.png", "014.png", "017.png"])
def test_strict_makes_each_of_them_an_error(shop: Path, tmp_path: Path, name: str) -> None:
    whole = (shop.parent / "images" / name).read_bytes()
    spoil(shop)
    bad = shop.parent / "images" / name
    content = bad.read_bytes() if bad.exists() else None
    for number in (2, 5, 8, 11, 14, 17):
        (shop.parent / "images" / f"{number:03d}.png").write_bytes(whole)
    if content is None:
        bad.unlink()
    else:
        bad.write_bytes(content)
    result = call("fit", shop, "--out", tmp_path / "r", "--strict")
    assert_one_line(result, 1, "products.csv", f"row {int(name[:3]) + 2}", name)
    run = tmp_path / "r2"
    assert call("fit", shop, "--out", run).exit_code == 0
    result = call("evaluate", run, shop, "--strict")
    assert_one_line(result, 1, f"row {int(name[:3]) + 2}", name)


def test_unusual_images_are_read_as_what_they_are(shop: Path, tmp_path: Path) -> None:
    images = shop.parent / "images"
    photo = Image.open(images / "003.png").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    photo.convert("CMYK").save(images / "cmyk.jpg")
    Image.fromarray(grey).save(images / "sixteen.png")
    photo.quantize(8).save(images / "palette.png")
    photo.save(images / "moving.webp", save_all=True, append_images=[photo.rotate(90)])
    photo.save(images / "turned.jpg", exif=exif)
    Image.new("RGB", (1, 1), "red").save(images / "dot.png")
    photo.save(images / "wrong_suffix.txt", format="png")
    names = [
        "cmyk.jpg",
        "sixteen.png",
        "palette.png",
        "moving.webp",
        "turned.jpg",
        "dot.png",
        "wrong_suffix.txt",
    ]
    table = cells(shop)
    images_column = table["image"].to_list()
    images_column[: len(names)] = [f"images/{name}" for name in names]
    table.with_columns(image=pl.Series(images_column)).write_csv(shop)
    result = call("fit", shop, "--out", tmp_path / "r", "--strict")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "r" / "skipped.csv").exists()
    result = call("predict", tmp_path / "r", shop, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0
    assert pl.read_csv(tmp_path / "out.csv")["id"].n_unique() == 120


def test_predict_lists_what_it_cannot_read(shop: Path, tmp_path: Path) -> None:
    assert call("fit", shop, "--out", tmp_path / "r").exit_code == 0
    wanted = spoil(shop)
    result = call("predict", tmp_path / "r", shop, "--out", tmp_path / "out.csv")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "6 skipped, listed in" in result.stderr
    skipped = pl.read_csv(tmp_path / "out.skipped.csv")
    assert skipped["row"].to_list() == sorted(wanted)


def test_a_file_name_that_is_no_unicode(shop: Path, tmp_path: Path) -> None:
    assert call("fit", shop, "--out", tmp_path / "r").exit_code == 0
    folder = tmp_path / "photos"
    folder.mkdir()
    name = bytes(folder) + b"/caf\xe9.png"
    try:
        with open(name, "wb") as file:  # noqa: PTH123
            file.write((shop.parent / "images" / "000.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    out = tmp_path / "out.csv"
    result = call("predict", tmp_path / "r", folder, "--out", out)
    assert_one_line(result, 1, "caf\\udce9.png: its path is no Unicode")
    (folder / "a.png").write_bytes((shop.parent / "images" / "000.png").read_bytes())
    assert call("predict", tmp_path / "r", folder, "--out", out).exit_code == 0
    assert pl.read_csv(out)["image"].unique().to_list() == ["a.png"]
    assert pl.read_csv(tmp_path / "out.skipped.csv")["id"].to_list() == ["caf\\udce9.png"]


def test_names_cannot_break_a_message_into_lines(shop: Path, tmp_path: Path) -> None:
    table = cells(shop)
    evil = "pu\nff\x1b[2J"
    table.with_columns(sleeve=pl.col("sleeve").replace("puff", evil)).write_csv(shop)
    result = call("fit", shop, "--out", tmp_path / "r", "--min-positives", "3")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    result = call("fit", shop, "--out", tmp_path / "r", "--attributes", evil)
    assert_one_line(result, 1, "has no attribute")


def test_embeddings_that_are_no_numbers(
    shop: Path, tmp_path: Path, light_encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, batch: np.ndarray) -> np.ndarray:
        values = np.ones((len(batch), light_encoder.dim), np.float32)
        values[1, 5] = np.nan
        return values

    monkeypatch.setattr(type(light_encoder.backend), "__call__", broken)
    result = call("fit", shop, "--out", tmp_path / "r")
    assert_one_line(result, 1, "001.png", "NaN", "thumbnails")


def test_a_split_without_positives_is_said_and_null(shop: Path, tmp_path: Path) -> None:
    table = cells(shop).with_columns(split=pl.Series(["train", "train", "val", "test"] * 30))
    blank = pl.when(pl.col("split") == "test").then(pl.lit(""))
    table.with_columns(
        blank.otherwise(name).alias(name) for name in ("sleeve", "pattern", "detail")
    ).write_csv(shop)
    result = call("fit", shop, "--out", tmp_path / "r")
    assert result.exit_code == 0, result.output
    assert "warning: the test split has no positive: its figures are null\n" in result.stderr
    test = json.loads((tmp_path / "r" / "metrics.json").read_text())["test"]
    assert test["map"] is None
    assert test["f1_macro"] is None
    assert (test["labels_scored"], test["products"]) == (0, 30)


@pytest.mark.parametrize("where", ["metrics.json", "labels.csv", "detector.json", "report.html"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == where:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        result = call("fit", shop, "--out", tmp_path / "r")
    assert_one_line(result, 1, where, "No space left on device")
    files = [file for file in (tmp_path / "r").rglob("*") if file.is_file()]
    assert not [file for file in files if file.name == where or file.name.startswith(".")]
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "running"
    assert call("fit", shop, "--out", tmp_path / "r").exit_code == 0
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "finished"


def test_a_folder_that_cannot_be_written(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = call("fit", shop, "--out", tmp_path / "file" / "r")
    assert_one_line(result, 1, str(tmp_path / "file"))


def test_a_cache_that_cannot_be_used(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "file"))
    result = call("fit", shop, "--out", tmp_path / "r")
    assert_one_line(result, 1, "embedding cache", "LONGTAILOR_CACHE")
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "damaged"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "embeddings.sqlite").write_bytes(b"no database at all" * 100)
    result = call("fit", shop, "--out", tmp_path / "r")
    assert_one_line(result, 1, "damaged", "longtailor cache clear")


def test_a_damaged_detector(shop: Path, tmp_path: Path) -> None:
    assert call("fit", shop, "--out", tmp_path / "r").exit_code == 0
    (tmp_path / "r" / "detector" / "detector.json").write_text("{")
    assert_one_line(call("evaluate", tmp_path / "r", shop), 1, "detector.json is damaged")
    result = call("predict", tmp_path / "r", shop, "--out", tmp_path / "out.csv")
    assert_one_line(result, 1, "detector.json is damaged")
