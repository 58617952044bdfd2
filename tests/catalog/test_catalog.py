from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longtailor.catalog import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    path = tmp_path / "p.csv"
    path.write_text("id,text,split,a,b\n1,f,train,x,p\n2,g,test,y,q\n3,h,train,x,\n")
    return Catalog.read(path)


def test_products_are_taken_by_index_or_mask(catalog: Catalog) -> None:
    for some in (catalog.take([0, 2]), catalog.take(np.array([True, False, True]))):
        assert len(some) == 2
        assert some.ids == ("1", "3")
        assert some.texts == ("f", "h")
        assert some.rows.tolist() == [2, 4]
        assert some.split.tolist() == ["train", "train"]
        assert some.matrix.tolist() == catalog.matrix[[0, 2]].tolist()
        assert some.space == catalog.space
    assert catalog.take([2, 0]).ids == ("3", "1")


def test_labels_are_taken_with_their_space(catalog: Catalog) -> None:
    some = catalog.take_labels([0, 1, 3])
    assert some.space.labels == ("a:x", "a:y", "b:q")
    assert some.space.exclusive == {"a"}
    assert some.matrix.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, -1]]


def test_counts_are_of_a_split_or_of_all(catalog: Catalog) -> None:
    assert catalog.statistics().positive.tolist() == [2, 1, 1, 1]
    assert catalog.statistics("train").positive.tolist() == [2, 0, 1, 0]
    assert catalog.statistics("train").unknown.tolist() == [0, 0, 1, 1]
    assert catalog.in_split("test").tolist() == [False, True, False]
