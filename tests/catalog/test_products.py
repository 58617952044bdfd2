from __future__ import annotations

from pathlib import Path

import pytest

from longtailor.catalog.products import read_products
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
    assert found[6] == "row: empty"


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
