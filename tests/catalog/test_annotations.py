from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.catalog import Catalog, Skip
from longtailor.catalog.annotations import changes, lay_over
from longtailor.errors import CatalogError

CATALOGUE = """id,image,sleeve,detail
a,a.png,puff,bow|frill
b,b.png,short,-
c,c.png,,
d,d.png,long,bow
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in "abcde":
        Image.new("RGB", (2, 2)).save(tmp_path / f"{name}.png")
    (tmp_path / "products.csv").write_text(CATALOGUE)
    return Catalog.read(tmp_path / "products.csv")


def decide(catalog: Catalog, *rows: dict[str, str]) -> Path:
    assert catalog.source is not None
    path = catalog.source.with_name("decided.jsonl")
    path.write_text("".join(json.dumps({**row, "review:decision": "x"}) + "\n" for row in rows))
    return path


def cells(catalog: Catalog, matrix: np.ndarray, product: str) -> dict[str, int]:
    row = matrix[catalog.ids.index(product)]
    return dict(zip(catalog.space.labels, row.tolist(), strict=True))


def test_what_is_decided_takes_the_place_of_what_was_there(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "a", "detail": "!bow"},
        {"id": "c", "detail": "frill|?"},
        {"image": "d.png", "detail": "frill|?"},
    )
    laid = lay_over(catalog, path)
    assert laid.skipped == ()
    assert laid.joining is None
    assert laid.decided.tolist() == [True, False, True, True]
    a, c, d = (cells(catalog, laid.matrix, one) for one in "acd")
    assert (a["detail:bow"], a["detail:frill"], a["sleeve:puff"]) == (0, 1, 1)
    assert (c["detail:bow"], c["detail:frill"], c["sleeve:puff"]) == (-1, 1, -1)
    assert (d["detail:bow"], d["detail:frill"]) == (1, 1)
    np.testing.assert_array_equal(laid.matrix[1], catalog.matrix[1])


@pytest.mark.parametrize(
    ("product", "cell", "expected"),
    [
        # In the order long, puff, short.
        ("a", "!puff", [-1, 0, -1]),
        ("a", "short", [0, 0, 1]),
        ("a", "short|?", [0, 0, 1]),
        ("a", "!short", [0, 1, 0]),
        ("a", "!puff|!short", [-1, 0, 0]),
        ("a", "-", [0, 0, 0]),
        ("a", "?puff", [0, 1, 0]),
        ("c", "!puff", [-1, 0, -1]),
        ("c", "puff|?", [0, 1, 0]),
    ],
)
def test_an_exclusive_attribute_keeps_one_value(
    catalog: Catalog, product: str, cell: str, expected: list[int]
) -> None:
    assert catalog.space.exclusive == {"sleeve"}
    laid = lay_over(catalog, decide(catalog, {"id": product, "sleeve": cell}))
    got = cells(catalog, laid.matrix, product)
    assert [got[f"sleeve:{value}"] for value in ("long", "puff", "short")] == expected


def test_rows_by_id_and_by_image_of_one_product_are_merged_in_order(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "c", "detail": "bow|?"},
        {"image": "c.png", "detail": "frill|?"},
        {"id": "c", "detail": "!bow"},
    )
    laid = lay_over(catalog, path)
    c = cells(catalog, laid.matrix, "c")
    assert (c["detail:bow"], c["detail:frill"]) == (0, 1)


def test_products_of_the_file_alone_join_where_they_can(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "new", "image": "e.png", "sleeve": "puff"},
        {"text": "a red dress", "detail": "!bow"},
        {"id": "gone", "image": "gone.png", "sleeve": "puff"},
        {"id": "unheard", "sleeve": "puff"},
    )
    laid = lay_over(catalog, path)
    assert laid.joining is not None
    assert laid.joining.ids == ("new", "decided.jsonl:2")
    assert laid.joining.texts == (None, "a red dress")
    assert cells(laid.joining, laid.joining.matrix, "new")["sleeve:short"] == 0
    assert cells(laid.joining, laid.joining.matrix, "new")["detail:bow"] == -1
    assert [(one.row, one.what) for one in laid.skipped] == [
        (3, "decided.jsonl: gone"),
        (4, "decided.jsonl: unheard"),
    ]
    assert "no such file" in laid.skipped[0].reason
    np.testing.assert_array_equal(laid.matrix, catalog.matrix)


def test_labels_that_the_catalogue_lacks_are_listed(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "a", "sleeve": "kimono", "fabric": "silk", "score": "0.3"},
        {"id": "b", "fabric": "wool", "detail": "!lace"},
    )
    laid = lay_over(catalog, path)
    np.testing.assert_array_equal(laid.matrix, catalog.matrix)
    what = {(one.row, one.what.partition(": ")[2]) for one in laid.skipped}
    assert what == {
        (1, "attribute 'fabric'"),
        (1, "attribute 'score'"),
        (1, "label 'sleeve:kimono'"),
        (2, "label 'detail:lace'"),
    }
    assert "2 cells are left out" in laid.skipped[0].reason


def test_an_id_with_another_image_is_not_guessed_at(catalog: Catalog) -> None:
    laid = lay_over(catalog, decide(catalog, {"id": "a", "image": "b.png", "detail": "!bow"}))
    assert not laid.decided.any()
    (skip,) = laid.skipped
    assert isinstance(skip, Skip)
    assert "has another image" in skip.reason


def test_an_image_of_two_products_needs_an_id(catalog: Catalog) -> None:
    assert catalog.source is not None
    catalog.source.write_text(CATALOGUE + "twin,a.png,,\n")
    laid = lay_over(
        Catalog.read(catalog.source), decide(catalog, {"image": "a.png", "detail": "!bow"})
    )
    assert [one.reason for one in laid.skipped] == ["2 products have it; say which by id"]


def test_a_torn_last_line_is_told_and_the_rest_is_read(catalog: Catalog) -> None:
    path = decide(catalog, {"id": "a", "detail": "!bow"})
    with path.open("a") as file:
        file.write('{"id": "b", "det')
    laid = lay_over(catalog, path)
    assert laid.decided.tolist() == [True, False, False, False]
    assert "row 2: the last line is unfinished" in laid.warnings[0]


def test_a_file_without_a_decision_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    laid = lay_over(catalog, tmp_path / "empty.jsonl")
    np.testing.assert_array_equal(laid.matrix, catalog.matrix)
    assert (laid.rows, laid.joining, laid.decided.any()) == (0, None, False)
    assert "holds no decision yet" in laid.warnings[0]


def test_labels_in_two_forms_at_once_are_refused(catalog: Catalog) -> None:
    path = decide(catalog, {"id": "a", "detail": "!bow", "labels": "detail:frill"})
    with pytest.raises(CatalogError, match="the columns 'labels' and 'detail'; leave one out"):
        lay_over(catalog, path)


def test_any_catalogue_file_can_be_laid_over(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "by_hand.csv"
    path.write_text("id,detail\nb,frill\nc,\nb,!frill\n")
    laid = lay_over(catalog, path)
    b = cells(catalog, laid.matrix, "b")
    assert (b["detail:bow"], b["detail:frill"]) == (0, 0)
    path.write_text("id,labels\nb,detail:frill\n")
    b = cells(catalog, lay_over(catalog, path).matrix, "b")
    assert (b["detail:bow"], b["detail:frill"]) == (0, 1)


def test_changes_are_counted_by_label(catalog: Catalog) -> None:
    path = decide(catalog, {"id": "a", "sleeve": "short"}, {"id": "c", "detail": "!bow"})
    counted = changes(catalog.matrix, lay_over(catalog, path).matrix)
    label_of = catalog.space.labels
    found = {
        (was, now, label_of[at]): int(count)
        for (was, now), counts in counted.items()
        for at, count in enumerate(counts)
        if count
    }
    assert found == {(1, 0, "sleeve:puff"): 1, (0, 1, "sleeve:short"): 1, (-1, 0, "detail:bow"): 1}


def test_a_file_of_decisions_is_a_catalogue_by_itself(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "a", "image": "a.png", "sleeve": "puff"},
        {"id": "b", "image": "b.png", "sleeve": "!puff"},
        {"id": "c", "image": "c.png", "sleeve": "short"},
        {"id": "b", "image": "b.png", "detail": "bow|?"},
        {"id": "a", "image": "a.png", "sleeve": "?puff"},
        {"id": "a", "image": "a.png", "sleeve": "long"},
        {"id": "gone", "image": "gone.png", "sleeve": "kimono"},
        {"id": "b", "image": "b.png", "detail": "?frill"},
    )
    read = Catalog.read(path)
    assert read.ids == ("a", "b", "c")
    assert read.rows.tolist() == [1, 2, 3]
    # What only a skipped product has is no label.
    assert read.space.labels == ("sleeve:long", "sleeve:puff", "sleeve:short", "detail:bow")
    assert read.matrix.tolist() == [[1, 0, 0, -1], [-1, 0, -1, 1], [0, 0, 1, -1]]
    assert read.space.exclusive == {"sleeve"}
    with path.open("a") as file:
        file.write('{"id": "a')
    assert any("unfinished" in warning for warning in Catalog.read(path).warnings)


def test_two_images_of_one_product_are_refused(catalog: Catalog) -> None:
    path = decide(
        catalog,
        {"id": "a", "image": "a.png", "sleeve": "puff"},
        {"id": "a", "image": "b.png", "sleeve": "puff"},
    )
    with pytest.raises(CatalogError, match=r"row 2.*product 'a' has another image in row 1"):
        Catalog.read(path)


def test_products_of_another_file_must_still_differ(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": "a", "image": "a.png", "sleeve": "puff"}\n' * 2)
    with pytest.raises(CatalogError, match="ids must differ"):
        Catalog.read(path)
    path.write_text('{"id": "a", "image": "a.png", "sleeve": "puff"}\n{"id')
    with pytest.raises(CatalogError, match="row 2: broken JSON"):
        Catalog.read(path)
