from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog.tables import read_table
from longtailor.errors import CatalogError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,n\nfoo,1\nbär,\n"),
        ("a.CSV", "\ufefftext,n\r\nfoo,1\r\nbär,\r\n"),
        ("a.csv", 'text, n \n"foo","1"\nbär,""\n\n'),
        ("a.tsv", "text\tn\nfoo\t1\nbär\t\n"),
        ("a.jsonl", '{"text": "foo", "n": 1}\n\n{"text": "bär"}\n'),
        ("a.ndjson", '\ufeff{"text": "foo", "n": "1"}\r\n{"n": null, "text": "bär", "": 5}\r\n'),
    ],
)
def test_every_format_gives_the_same_text(tmp_path: Path, name: str, content: str) -> None:
    table = read_table(written(tmp_path, name, content))
    assert table.frame.to_dicts() == [{"text": "foo", "n": "1"}, {"text": "bär", "n": ""}]


def test_parquet_types_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "text": ["a", None],
            "whole": [1, 2],
            "real": [0.5, float("nan")],
            "truth": [True, None],
            "list": [["x", "y"], []],
            "numbers": [[1.5, float("nan")], None],
            "kind": pl.Series(["k", "k"], dtype=pl.Categorical),
            "object": [{"q": 1}, {"q": 2}],
            "bytes": [b"\xff", b""],
        }
    ).write_parquet(path)
    table = read_table(path)
    assert table.frame.rows() == [
        ("a", "1", "0.5", "true", "x|y", "1.5", "k"),
        ("", "2", "", "", "", "", "k"),
    ]
    assert set(table.nested) == {"object", "bytes"}
    assert table.rows.tolist() == [1, 2]


def test_json_types_become_text(tmp_path: Path) -> None:
    line = '{"a": 1, "b": 0.5, "c": true, "d": ["x", 2, null], "e": NaN, "f": {}, "g": [["x"]]}'
    table = read_table(written(tmp_path, "a.jsonl", line))
    assert table.frame.rows() == [("1", "0.5", "true", "x|2|", "")]
    assert table.nested["f"] == "an object (row 1)"
    with pytest.raises(CatalogError, match=r"a.jsonl, column 'f': holds an object \(row 1\)"):
        table.cells("f")


def test_columns_that_appear_late_are_empty_before(tmp_path: Path) -> None:
    lines = '{"a": "1"}\n' * 25_000 + '{"b": "2"}\n{}\n'
    table = read_table(written(tmp_path, "a.jsonl", lines))
    assert table.frame[0].row(0) == ("1", "")
    assert table.frame[25_000].row(0) == ("", "2")
    assert table.frame[25_001].row(0) == ("", "")
    assert table.rows[-1] == 25_002


def test_rows_count_as_a_spreadsheet_does(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", 'text,n\n"two\nlines",1\n\nfoo,2\n')
    table = read_table(path)
    assert table.rows.tolist() == [2, 4]
    assert table.frame["text"][0] == "two\nlines"


def test_columns_without_a_name_are_ignored(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a.csv", ",text,,n\n0,foo,,1\n"))
    assert table.frame.to_dicts() == [{"text": "foo", "n": "1"}]
    assert table.warnings == ("2 columns without a name are ignored",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "x", r"a\.txt: cannot tell the format from the suffix '\.txt'"),
        ("a", "x", "one of .csv, .tsv, .jsonl, .ndjson, .parquet"),
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "text,a\n", "has no products"),
        ("a.jsonl", "\n\n", "has no products"),
        ("a.csv", "\n\n", "has no column names"),
        ("a.csv", b"text,a\nfoo,x\nh\xe9,x\n", r"line 3: not UTF-8 \(byte 0xe9 at position 14\)"),
        ("a.tsv", "text\n".encode("utf-16"), "line 1: not UTF-8"),
        ("a.jsonl", b'{"a": "\xe9"}', "line 1: not UTF-8"),
        ("a.csv", "text,a\nfoo,x\nbar,y,z\n", "row 3: the number of cells is 3, not 2"),
        ("a.csv", "text,a\nfoo,x\nbar\n", "row 3: the number of cells is 1, not 2"),
        ("a.csv", 'text,a\n"foo,x\nbar,y\n', "near line 3: .*double quote"),
        ("a.csv", 'text,a\n"fo"o,x\n', "near line 2: .*double quote"),
        ("a.csv", "a,text,a\n1,2,3\n", "columns 1 and 3 are both named 'a'"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "row 2: broken JSON"),
        ("a.jsonl", '{"a": 1, "a": 2}\n', "row 1: .*'a' is given twice"),
        ("a.jsonl", "[1]\n", "row 1: each line must be one JSON object, not list"),
        ("a.jsonl", '{"a": ' + "[" * 100_000, "row 1: its values are nested too deeply"),
        ("a.jsonl", '{"a": "x"}\n{"a": "\\ud800"}\n', "row 2, column 'a': holds half of a letter"),
        ("a.jsonl", '{"\\udfff": "x"}\n', "row 1, column '.udfff': holds half of a letter"),
        ("a.csv", "text" + ",c" * 10_000 + "\n", r"has 10,001 columns, and 10,000 are the most"),
        (
            "a.jsonl",
            '{"a": 1' + "".join(f',"{i}":1' for i in range(10_000)) + "}",
            "10,001 columns",
        ),
        (
            "a.csv",
            "text,a" + ",c" * 5_000 + "\n",
            "columns 3 and 4 are both named 'c'; rename one$",
        ),
        ("a.parquet", b"PAR1 and no more", "damaged or no Parquet file"),
    ],
)
def test_a_broken_file_is_told_in_one_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        read_table(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_truncated_parquet_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["a"] * 1000, "n": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CatalogError, match="damaged or no Parquet file"):
        read_table(path)


def test_a_line_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longtailor.catalog.tables._LONGEST_LINE", 100)
    for name, line in (("a.csv", "," * 200), ("a.jsonl", '{"a": "' + "x" * 200 + '"}')):
        with pytest.raises(CatalogError, match=rf"{name}, line 2: is longer than 100 letters"):
            read_table(written(tmp_path, name, f"\n{line}\n"))


def test_a_list_of_lists_of_lists_is_nested_however_deep(tmp_path: Path) -> None:
    deep = '{"text": "a", "n": ' + "[" * 900 + "]" * 900 + "}"
    assert read_table(written(tmp_path, "a.jsonl", deep)).nested == {"n": "a list of lists (row 1)"}


def test_a_panic_of_the_parquet_reader_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(pl, "scan_parquet", panic)
    with pytest.raises(CatalogError, match=r"damaged or no Parquet file: called `Option::unwrap"):
        read_table(written(tmp_path, "a.parquet", b"PAR1"))


def test_names_of_files_are_no_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "shop=[a]*"
    folder.mkdir()
    for name, cell in (("b[1]?.parquet", "meant"), ("b1x.parquet", "other")):
        pl.DataFrame({"text": [cell]}).write_parquet(folder / name)
    assert read_table(folder / "b[1]?.parquet").frame.to_dicts() == [{"text": "meant"}]


def test_an_apostrophe_before_a_formula_is_ours(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a.csv", "text,n\n'=1+1,'quoted'\n=1+1,''-x\n"))
    assert table.frame.rows() == [("=1+1", "'quoted'"), ("=1+1", "'-x")]
    table = read_table(written(tmp_path, "a.jsonl", '{"text": "\'=1+1"}\n'))
    assert table.frame.rows() == [("'=1+1",)]


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no such file"):
        read_table(tmp_path / "a.csv")
    with pytest.raises(CatalogError, match="is a folder"):
        read_table(tmp_path)


def test_a_bar_inside_a_list_item_is_no_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": ["a", "b"], "n": [["x"], ["y|z"]]}).write_parquet(path)
    for table in (
        read_table(path),
        read_table(written(tmp_path, "a.jsonl", '{"n": ["x"]}\n{"n": ["y|z"]}\n')),
    ):
        with pytest.raises(CatalogError, match=r"column 'n': .*'\|'.*row 2"):
            table.cells("n")
