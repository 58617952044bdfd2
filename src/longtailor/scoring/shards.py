"""The shards of a prediction: each is in its folder whole, or not at all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from longtailor.catalog import Skip
from longtailor.errors import LongtailorError
from longtailor.files import replacing, write_json


class Shards:
    """Files of a folder, two to three a shard: its products, its results, and what was skipped.

    Several processes may write to one folder: a shard that two of them score is the same.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, number: int) -> bool:
        """Whether a shard has been scored."""
        return self.results(number).exists()

    def results(self, number: int) -> Path:
        """Where the results of a shard are."""
        return self.folder / f"{number:08d}.parquet"

    def put_products(self, number: int, products: pl.DataFrame) -> None:
        """Keep the products of a shard."""
        with writing(self._products(number)) as temporary:
            products.write_parquet(temporary)

    def products(self, number: int) -> pl.DataFrame:
        """Give the products of a shard, as they were put.

        Raises
        ------
        LongtailorError
            If the file is damaged or gone.
        """
        path = self._products(number)
        try:
            return pl.read_parquet(path, glob=False, hive_partitioning=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise LongtailorError(
                f"{path} is damaged or gone; run without --resume ({str(error).splitlines()[0]})"
            ) from error

    def put(self, number: int, table: pl.DataFrame, skipped: Sequence[Skip]) -> None:
        """Keep the results of a shard, and what of it could not be scored."""
        rows = sorted([skip.row, skip.what, skip.reason] for skip in skipped)
        write_json(self._skipped(number), rows)
        # The last, since it says that the shard is there.
        with writing(self.results(number)) as temporary:
            table.write_parquet(temporary)

    def skipped(self, number: int) -> list[Skip]:
        """Give what of a scored shard could not be scored, by row."""
        path = self._skipped(number)
        try:
            return [Skip(*values) for values in json.loads(path.read_bytes())]
        except (OSError, ValueError, TypeError) as error:
            raise LongtailorError(f"{path} is damaged or gone; run without --resume") from error

    def _products(self, number: int) -> Path:
        return self.folder / f"{number:08d}.products.parquet"

    def _skipped(self, number: int) -> Path:
        return self.folder / f"{number:08d}.skipped.json"


@contextlib.contextmanager
def writing(path: Path, *, folder: Path | None = None) -> Iterator[Path]:
    """Write a file whole or not at all; Polars tells a full disk in errors of its own."""
    try:
        with replacing(path, folder=folder) as temporary:
            yield temporary
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise LongtailorError(
            f"cannot write {path} ({reason}); if the disk is not full, a part of an interrupted "
            "command is damaged: run without --resume"
        ) from error
