from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog.products import read_products, stream_products
from longtailor.errors import CatalogError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "products.csv"
    path.write_text(text)
    return path


def test_products_need_no_label_column(folder: Path) -> None:
    products = read_products(write(folder, "image\na.jpg\nb.jpg\n"))
    assert products.ids == products.names == ["a.jpg", "b.jpg"]
    assert products.paths == [folder / "a.jpg", folder / "b.jpg"]
    assert (products.rows, products.skipped) == ([2, 3], [])


def test_what_has_neither_image_nor_text_is_listed_with_its_row(folder: Path) -> None:
    text = "id,image,text\n1,a.jpg,\n2,gone.jpg,\n3,,a blouse\n4,../out.jpg,x\n,,\n6,c.jpg,\n7,, \n"
    products = read_products(write(folder, text))
    assert products.ids == ["1", "3", "4", "6"]
    assert products.paths == [folder / "a.jpg", None, None, folder / "c.jpg"]
    assert products.texts == [None, "a blouse", "x", None]
    assert products.rows == [2, 4, 5, 7]
    found = {skip.row: f"{skip.what}: {skip.reason}" for skip in products.skipped}
    assert sorted(found) == [3, 5, 6, 8]
    assert "'gone.jpg': no such file" in found[3]
    assert "leads out of" in found[5] or "no such file" in found[5]
    assert found[5].endswith("; its text is used")
    assert found[8] == "7: has neither an image nor a text"
    assert found[6] == "row: has no id, image or text"


def test_images_may_be_elsewhere(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "lists" / "products.csv"
    path.parent.mkdir()
    path.write_text("image\na.jpg\n")
    assert read_products(path, images=folder).paths == [folder / "a.jpg"]
    with pytest.raises(CatalogError, match=r"row 2: .*'a\.jpg'.*--images"):
        read_products(path)


def test_ids_must_differ(folder: Path) -> None:
    with pytest.raises(CatalogError, match="rows 2 and 3 are both '1'"):
        read_products(write(folder, "id,image\n1,a.jpg\n1,b.jpg\n"))


def contents(path: Path) -> list[tuple[object, ...]]:
    return [row for part in stream_products(path) for row in part.iter_rows()]


def test_every_format_streams_the_same_products(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pl.DataFrame(
        {
            "id": [f"p{number}" for number in range(25)],
            "image": [f"{number}.jpg" if number % 3 else None for number in range(25)],
            "text": [f" text {number} " if number % 2 else "" for number in range(25)],
            "vector": [[0.5, 1.5]] * 25,
        }
    )
    flat = table.drop("vector")
    flat.write_csv(folder / "t.csv")
    flat.write_csv(folder / "t.tsv", separator="\t")
    table.write_ndjson(folder / "t.jsonl")
    table.write_parquet(folder / "t.parquet", row_group_size=10)
    wanted = list(flat.fill_null("").with_columns(pl.col("text").str.strip_chars()).iter_rows())
    for size in (7, 1000):
        monkeypatch.setattr("longtailor.catalog.tables._CHUNK", size)
        monkeypatch.setattr("longtailor.catalog.tables._SLICE", size)
        for name, first in (("t.csv", 2), ("t.tsv", 2), ("t.jsonl", 1), ("t.parquet", 1)):
            rows = [(first + at, *row) for at, row in enumerate(wanted)]
            assert contents(folder / name) == rows
            assert len(list(stream_products(folder / name))) == (4 if size == 7 else 1)


def test_ids_that_repeat_are_found_across_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtailor.catalog.tables._CHUNK", 2)
    path = write(folder, "id,text\n1,a\n2,b\n3,c\n4,d\n2,e\n")
    with pytest.raises(CatalogError, match="column 'id': rows 3 and 6 are both '2'; ids must"):
        contents(path)
    path = write(folder, "image\na.jpg\nb.jpg\nc.jpg\na.jpg\n")
    with pytest.raises(CatalogError, match=r"column 'image': rows 2 and 5 are both 'a\.jpg'; add"):
        contents(path)


def test_ids_of_one_hash_may_differ(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Series, "hash", lambda self: pl.zeros(len(self), pl.UInt64, eager=True))
    path = write(folder, "id,text\n1,a\n2,b\n3,c\n")
    assert [row[1] for row in contents(path)] == ["1", "2", "3"]


@pytest.mark.parametrize("order", [1, -1])
def test_an_id_column_that_appears_late_counts_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    monkeypatch.setattr("longtailor.catalog.tables._CHUNK", 2)
    rows = ['{"text": "a"}', '{"text": "b"}', '{"id": "3", "text": "c"}', '{"id": 4, "text": "d"}']
    path = folder / "t.jsonl"
    path.write_text("\n".join(rows[::order]) + "\n")
    with pytest.raises(CatalogError, match=f"row {1 if order == 1 else 3}, column 'id': is empty"):
        contents(path)


def test_columns_that_say_nothing_of_products_are_refused(folder: Path) -> None:
    with pytest.raises(CatalogError, match="no column 'image' or 'text'; it has 'picture', 'x'"):
        contents(write(folder, "picture,x\na.jpg,1\n"))
