from __future__ import annotations

from pathlib import Path

import numpy as np

from longtailor import Catalog
from longtailor.catalog.align import align
from longtailor.labels import LabelSpace


def read(tmp_path: Path, text: str) -> Catalog:
    (tmp_path / "products.csv").write_text(text)
    return Catalog.read(tmp_path / "products.csv")


def test_cells_are_laid_out_as_the_detector_has_them(tmp_path: Path) -> None:
    catalog = read(
        tmp_path, "text,sleeve,fit\nx,puff,loose\ny,cap,\nz,,tight\nw,-,loose\nv,bell,tight\n"
    )
    space = LabelSpace(["colour:red", "sleeve:raglan", "sleeve:puff", "fit:loose", "sleeve:cap"])
    matrix, left_out = align(catalog, space)
    np.testing.assert_array_equal(
        matrix,
        [
            # The catalogue knows no colour; a raglan sleeve it never mentions.
            [-1, 0, 1, 1, 0],
            [-1, 0, 0, -1, 1],
            [-1, -1, -1, 0, -1],
            [-1, 0, 0, 1, 0],
            [-1, 0, 0, 0, 0],
        ],
    )
    assert sorted(left_out) == ["fit:tight", "sleeve:bell"]
    assert matrix.dtype == np.int8


def test_the_own_space_changes_nothing(tmp_path: Path) -> None:
    catalog = read(tmp_path, "text,sleeve\nx,puff\ny,cap|puff\nz,\n")
    matrix, left_out = align(catalog, catalog.space)
    np.testing.assert_array_equal(matrix, catalog.matrix)
    assert left_out == []
