"""`skipped.csv`: what of a catalogue was left out, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from longtailor.catalog import Skip
from longtailor.catalog.formulas import guard_formulas
from longtailor.files import replacing


def write_skips(path: Path, skips: Sequence[Skip]) -> None:
    """Write one row a skip; remove the file of an earlier run if there is none."""
    if not skips:
        path.unlink(missing_ok=True)
        return
    table = pl.DataFrame(
        {
            "row": [skip.row for skip in skips],
            "what": [skip.what for skip in skips],
            "reason": [skip.reason for skip in skips],
        }
    )
    with replacing(path) as temporary:
        guard_formulas(table.sort("row", maintain_order=True)).write_csv(temporary)
