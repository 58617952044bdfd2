from __future__ import annotations

import csv
import io
import re

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longtailor.catalog.formulas import guard_formulas, unguard_formulas

# What the signs mean is written here a second time, by hand.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
texts = st.text(st.sampled_from([*"'=+-@\t\r\n＝a0.e ", '"', ","]) | st.characters(codec="utf-8"))


def looks_like_a_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None


@given(st.lists(texts | st.none(), min_size=1))
@example(["=1+1", "'=1+1", "-5", "'-5", "'", "", "+1e5", "-", "@me", "\t=1", None])
def test_nothing_begins_like_a_formula_and_all_comes_back(cells: list[str | None]) -> None:
    table = pl.DataFrame({"id": pl.Series(cells, dtype=pl.String), "n": range(len(cells))})
    written = guard_formulas(table)
    for cell in written["id"]:
        assert cell is None or not cell.startswith(STARTS) or looks_like_a_number(cell)
    assert unguard_formulas(written).equals(table)
    assert unguard_formulas(guard_formulas(table.lazy())).collect().equals(table)
    # And through the file, read by the standard library.
    lines = list(csv.reader(io.StringIO(written.write_csv(), newline="")))
    expected = [cell or "" for cell in written["id"]]
    assert [line[0] for line in lines[1:]] == expected


@pytest.mark.parametrize("harmless", ["p1", "images/a-b.png", "sleeve:=puff", "'quoted'", "-1.5"])
def test_what_is_harmless_stays_as_it_is(harmless: str) -> None:
    table = pl.DataFrame({"id": [harmless]})
    assert guard_formulas(table).equals(table)
