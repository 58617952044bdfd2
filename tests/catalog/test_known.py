from __future__ import annotations

from pathlib import Path

import pytest

from longtailor.catalog.known import read_known
from longtailor.errors import CatalogError
from longtailor.labels import LabelSpace

SPACE = LabelSpace(["a:x", "a:y", "b:u"])


def read(path: Path, text: str) -> list[list[int]]:
    path.write_text(text)
    return [cells.tolist() for cells in read_known(path, SPACE).values()]


def test_columns_of_the_space_are_read_and_no_others(tmp_path: Path) -> None:
    text = "image,a,c\n1.png,y,foo\n2.png,,\n3.png,-,\n4.png,x|z,\n"
    assert read(tmp_path / "c.csv", text) == [[0, 1, -1], [-1] * 3, [0, 0, -1], [1, 0, -1]]


def test_tags_are_read(tmp_path: Path) -> None:
    text = "image,labels\n1.png,a:y|c:foo\n2.png,?\n3.png,\n4.png,a:?|c:foo\n"
    found = read(tmp_path / "c.csv", text)
    assert found == [[0, 1, -1], [-1] * 3, [0, 0, -1], [-1] * 3]


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("image,a\n,\n1.png,x\n")
    assert list(read_known(tmp_path / "c.csv", SPACE)) == [3]


def test_nothing_may_be_known(tmp_path: Path) -> None:
    assert read(tmp_path / "c.csv", "image\n1.png\n") == [[-1] * 3]


def test_a_contradiction_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="row 2"):
        read(tmp_path / "c.csv", "image,a\n1.png,x|-\n")
