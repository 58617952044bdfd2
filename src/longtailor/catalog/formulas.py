"""Cells of CSV files that a spreadsheet would run as formulas.

A product's id may read `=HYPERLINK(...)`, and who opens a table of predictions in a spreadsheet
would run it. Such a cell is written with an apostrophe before it, as OWASP advises [1]_, and read
without: what we write comes back as it was. Numbers stay numbers.

References
----------
.. [1] https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

from typing import TypeVar

import polars as pl
import polars.selectors as cs

_STARTS = r"[=+\-@＝＋－＠\t\r\n]"
_NUMBER = r"^[+\-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+\-]?[0-9]+)?$"

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def guard_formulas(table: Frame) -> Frame:
    """Write an apostrophe before each text that a spreadsheet would take for a formula.

    Texts that begin with apostrophes and then such a sign get one more, so that `unguard_formulas`
    always finds what there was.
    """
    text = cs.string()
    runs = text.str.contains(f"^'*{_STARTS}") & ~text.str.contains(_NUMBER)
    return table.with_columns(pl.when(runs).then(text.str.replace("^", "'")).otherwise(text))


def unguard_formulas(table: Frame) -> Frame:
    """Take away what `guard_formulas` wrote."""
    text = cs.string()
    guarded = text.str.contains(f"^'+{_STARTS}")
    return table.with_columns(pl.when(guarded).then(text.str.slice(1)).otherwise(text))
