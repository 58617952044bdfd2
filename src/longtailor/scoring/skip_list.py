"""`OUT.skipped.csv`: what could not be scored, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import polars as pl

from longtailor.catalog import Skip
from longtailor.catalog.formulas import guard_formulas
from longtailor.errors import LongtailorError
from longtailor.scoring.shards import Shards, writing


def skips_path(out: Path) -> Path:
    """Where what could not be scored is listed."""
    return out.with_name(f"{out.stem}.skipped.csv")


class SkipList:
    """A CSV file with `row`, `id` and `reason`, which grows shard by shard.

    There is none as long as nothing is skipped.

    Parameters
    ----------
    out : Path
        The file of the predictions.
    shards : Shards
    """

    def __init__(self, out: Path, shards: Shards) -> None:
        self._path = skips_path(out)
        self._shards = shards

    def write(self, numbers: Sequence[int]) -> int:
        """List what was skipped in some shards alone, in their order, and count it."""
        count = sum(len(self._shards.skipped(number)) for number in numbers)
        if not count:
            self._path.unlink(missing_ok=True)
            return 0
        with (
            writing(self._path, folder=self._shards.folder) as temporary,
            temporary.open("wb") as file,
        ):
            for number in numbers:
                _append(file, self._shards.skipped(number))
        return count

    def add(self, number: int) -> None:
        """List what was skipped in one more shard."""
        skipped = self._shards.skipped(number)
        if not skipped:
            return
        try:
            with self._path.open("ab") as file:
                _append(file, skipped)
        except OSError as error:
            raise LongtailorError(
                f"cannot write {self._path}: {error.strerror or error}"
            ) from error


def _append(file: IO[bytes], skipped: Sequence[Skip]) -> None:
    if not skipped:
        return
    table = pl.DataFrame(
        {
            "row": [skip.row for skip in skipped],
            "id": [skip.what for skip in skipped],
            "reason": [skip.reason for skip in skipped],
        }
    )
    # One write, so that whoever reads it meanwhile sees whole lines.
    file.write(guard_formulas(table).write_csv(include_header=not file.tell()).encode())
