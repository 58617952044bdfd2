from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtailor.catalog import label_cells
from longtailor.catalog.label_cells import read_column, read_tags, to_matrix, variants
from longtailor.catalog.tables import Table
from longtailor.errors import CatalogError


def table(cells: list[str], name: str = "a") -> Table:
    frame = pl.DataFrame({name: pl.Series(cells, dtype=pl.String)})
    return Table(Path("x.csv"), frame, np.arange(2, len(cells) + 2))


def by_column(cells: list[str], name: str = "a") -> tuple[tuple[str, ...], Any]:
    return to_matrix("x.csv", len(cells), [read_column(table(cells, name), name)])


def by_tags(cells: list[str]) -> tuple[tuple[str, ...], Any]:
    return to_matrix("x.csv", len(cells), read_tags(table(cells, "labels"))[0])


def test_a_column_says_values_none_and_unknown() -> None:
    labels, matrix = by_column(["x", "y|x", "", "-", "?", "  "])
    assert labels == ("a:x", "a:y")
    assert matrix.tolist() == [[1, 0], [1, 1], [-1, -1], [0, 0], [-1, -1], [-1, -1]]


def test_tags_say_values_and_unknown() -> None:
    labels, matrix = by_tags(["a:x|b:p:q", "a:?|b:r", "", "?", "a:y", "a:-|b:r"])
    assert labels == ("a:x", "a:y", "b:p:q", "b:r")
    assert matrix.tolist() == [
        [1, 0, 1, 0],
        [-1, -1, 0, 1],
        [0, 0, 0, 0],
        [-1, -1, -1, -1],
        [0, 1, 0, 0],
        [0, 0, 0, 1],
    ]


VALUES = st.text("xyzé ,;\"'$?-", min_size=1, max_size=3).filter(
    lambda value: value.strip() == value and value not in ("-", "?")
)


@settings(max_examples=100)
@given(st.lists(st.one_of(st.none(), st.frozensets(VALUES, max_size=3)), min_size=1, max_size=12))
def test_both_forms_agree_with_reading_cell_by_cell(cells: list[frozenset[str] | None]) -> None:
    values = sorted(set().union(*(cell for cell in cells if cell)))
    expected = [
        [-1] * len(values) if cell is None else [int(value in cell) for value in values]
        for cell in cells
    ]
    columns = ["" if cell is None else "|".join(sorted(cell)) or "-" for cell in cells]
    tags = [
        "a:?" if cell is None else "|".join(f"a:{value}" for value in sorted(cell))
        for cell in cells
    ]
    names = tuple(f"a:{value}" for value in values)
    for labels, matrix in (by_column(columns), by_tags(tags)):
        if values:
            assert labels == names
            assert matrix.tolist() == expected


@pytest.mark.parametrize("cell", ["x|-", "-|x", "?|-", "!x|-", "?x|-"])
def test_a_cell_that_contradicts_itself_is_refused(cell: str) -> None:
    with pytest.raises(CatalogError, match=r"x.csv, row 3, column 'a': .* as well"):
        by_column(["x", cell])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("b", "'b' is not of the form attribute:value"),
        ("a:", "'a:' is not of the form"),
        (":x", "':x' is not of the form"),
        ("-", "'-' is not of the form"),
        ("a:x|a:?", "attribute 'a' is marked '[?]' and has a value"),
        ("a:-|a:x", "attribute 'a' is marked '-' and has a value"),
        ("?|a:x", "all unknown, and other tags"),
    ],
)
def test_a_broken_tag_is_told_by_row(cell: str, message: str) -> None:
    with pytest.raises(CatalogError, match=f"x.csv, row 3, column 'labels': .*{message}"):
        by_tags(["a:x", cell])


@pytest.mark.parametrize("name", ["a:b", "a|b"])
def test_an_attribute_is_not_named_like_a_label(name: str) -> None:
    with pytest.raises(CatalogError, match="an attribute's name cannot hold"):
        by_column(["x"], name)


def test_blanks_are_removed_and_told_once() -> None:
    read = read_column(table([" x", "x | y", "z"]), "a")
    assert read.values == ("x", "y", "z")
    assert read.warnings == ("column 'a': blanks around 3 values were removed",)


def test_empty_values_between_bars_are_told() -> None:
    read = read_column(table(["x|", "|", "x||y", ""]), "a")
    assert read.known.tolist() == [True, False, True, False]
    assert read.warnings == ("column 'a': 4 empty values beside a '|' were ignored",)


def test_values_that_look_alike_are_kept_apart_and_told() -> None:
    read = read_column(table(["Puff", "puff", "bell"]), "a")
    assert read.values == ("Puff", "bell", "puff")
    assert "'Puff' and 'puff' differ by case or blanks only" in read.warnings[0]
    assert variants(["Crew Neck", "crewneck", "v"]) == [("Crew Neck", "crewneck")]
    assert variants(["v\u00a0neck", "v neck"]) == [("v\u00a0neck", "v neck")]


@pytest.mark.parametrize(
    ("cells", "label_like"),
    [
        ([f"title {i}" for i in range(51)], False),
        ([f"title {i}" for i in range(50)], True),
        ([f"brand {i % 60}" for i in range(120)], True),
        ([f"brand {i % 60}" for i in range(119)], False),
        ([f"brand {i % 60}" for i in range(100)] + [""] * 100, False),
        ([str(i % 60) for i in range(1000)], False),
        ([str(i % 50) for i in range(1000)], True),
        ([f"{i % 60}|{i % 7}x" for i in range(1000)], True),
    ],
)
def test_free_text_and_measures_are_told_from_labels(cells: list[str], label_like: bool) -> None:
    assert read_column(table(cells), "a").is_label_like is label_like


def test_a_matrix_beyond_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_cells, "_LARGEST_MATRIX", 5)
    with pytest.raises(CatalogError, match="3 products x 2 labels are too many; 'a' alone has 2"):
        by_column(["x", "y", "x"])


def test_a_cell_says_what_is_not_there_and_what_it_leaves_open() -> None:
    labels, matrix = by_column(["x|y", "!x", "x|?", "x|!y", "!x|!y|?", "z"])
    assert labels == ("a:x", "a:y", "a:z")
    assert matrix.tolist() == [
        [1, 1, 0],
        [0, -1, -1],
        [1, -1, -1],
        [1, 0, -1],
        [0, 0, -1],
        [0, 0, 1],
    ]


def test_marks_are_part_of_a_value_after_a_backslash() -> None:
    labels, matrix = by_column([r"\!x", r"!\!x", r"\?", r"\-", r"\\!x", "?x", "a-b", "-5"])
    assert labels == ("a:!x", "a:-", "a:-5", "a:?", "a:?x", r"a:\!x", "a:a-b")
    assert matrix[0].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert matrix[1].tolist() == [0, -1, -1, -1, -1, -1, -1]
    assert [row.tolist().index(1) for row in matrix[2:]] == [3, 1, 5, 4, 6, 2]


def test_a_mark_before_a_value_that_nothing_has_is_told() -> None:
    read = read_column(table(["x", "!y", "!x"]), "a")
    assert read.values == ("x", "y")
    (warning,) = read.warnings
    assert warning.startswith("attribute 'a': '!y' is read as known not to be 'y'")
    assert r"write \!y" in warning


def test_tags_know_no_marks() -> None:
    assert by_tags(["a:!x", "a:x"])[0] == ("a:!x", "a:x")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("x|!x", "says of 'x' different things"), ("! x|!", "'!' stands alone")],
)
def test_a_cell_that_says_two_things_of_a_value_is_refused(cell: str, message: str) -> None:
    with pytest.raises(CatalogError, match=rf"x.csv, row 3, column 'a': .*{message}"):
        by_column(["x", cell])


def merged(*cells: str, values: str = "xyz") -> list[int]:
    """Merge the rows of one product; a second product has each value."""
    rows = [*cells, *values]
    product = np.array([0] * len(cells) + [1 + i for i in range(len(values))])
    read = read_column(table(rows), "a", product)
    assert read.values == tuple(values)
    return to_matrix("x.csv", int(product.max()) + 1, [read])[1][0].tolist()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["x|?", "y|?"], [1, 1, -1]),
        (["x|?", "!x"], [0, -1, -1]),
        (["!x", "x|?"], [1, -1, -1]),
        (["x|?", "?x"], [-1, -1, -1]),
        (["!x", "?x", "!y"], [-1, 0, -1]),
        # A row that names all values stands for all, until that row is taken back.
        (["x"], [1, 0, 0]),
        (["x", "y"], [0, 1, 0]),
        (["x", "y", "?y"], [1, 0, 0]),
        (["x", "!x"], [0, -1, -1]),
        (["x", "?x"], [-1, -1, -1]),
        (["y|?", "x"], [1, 0, 0]),
        (["x", "y|?"], [1, 1, 0]),
        (["x|y", "!x"], [0, 1, 0]),
        (["x|y", "?x"], [-1, 1, 0]),
        (["-"], [0, 0, 0]),
        (["-", "x|?"], [1, 0, 0]),
        (["x", "-"], [0, 0, 0]),
        (["x|?", "", "?"], [1, -1, -1]),
    ],
)
def test_rows_of_one_product_are_merged_in_order(rows: list[str], expected: list[int]) -> None:
    assert merged(*rows) == expected


STEPS = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["yes", "no", "undo"])))


@settings(max_examples=100)
@given(STEPS, st.booleans())
def test_merging_agrees_with_keeping_the_last_decision_of_each_label(
    steps: list[tuple[str, str]], whole: bool
) -> None:
    write = {"yes": "{}" if whole else "{}|?", "no": "!{}", "undo": "?{}"}
    rows = [write[decision].format(value) for value, decision in steps]
    last = {value: (at, decision) for at, (value, decision) in enumerate(steps)}
    since = max((at for at, one in last.values() if one == "yes" and whole), default=None)
    expected = []
    for value in "xyz":
        at, decision = last.get(value, (-1, "undo"))
        if since is not None and (at < since or decision == "undo"):
            decision = "no"
        expected.append({"yes": 1, "no": 0, "undo": -1}[decision])
    assert merged(*rows, "") == expected
