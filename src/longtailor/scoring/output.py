"""The file that predictions are written to, made of shards that are whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from longtailor.catalog import Skip
from longtailor.catalog.formulas import guard_formulas
from longtailor.errors import LongtailorError, UsageError
from longtailor.files import replacing, write_json

SUFFIXES = (".csv", ".jsonl", ".parquet")
_PLAN = "plan.json"


def require_output(out: Path) -> None:
    """Refuse a file that predictions cannot be written to.

    Raises
    ------
    UsageError
        If its suffix is none of `SUFFIXES`, or it is a folder.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--out {out}: use one of {', '.join(SUFFIXES)}")
    if out.is_dir():
        raise UsageError(f"--out {out}: is a folder; give a file")


class ShardedOutput:
    """Collects shards beside the output file, and makes the file of them in the end.

    Parameters
    ----------
    out : Path
        A `.csv`, `.jsonl` or `.parquet` file.
    plan : dict
        What decides the content: the detector and the products. Shards of another plan are not
        taken over.
    resume : bool
        Keep the shards of an interrupted command with the same plan.

    Raises
    ------
    UsageError
        If `out` cannot be such a file.
    """

    def __init__(self, out: Path, plan: dict[str, Any], *, resume: bool) -> None:
        require_output(out)
        self.out = out
        self.folder = out.with_name(f".{out.name}.parts")
        digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        if not (resume and self._planned() == digest):
            shutil.rmtree(self.folder, ignore_errors=True)
            write_json(self.folder / _PLAN, digest)

    def has(self, shard: int) -> bool:
        """Whether a shard is there already."""
        return self._path(shard).exists()

    def put(self, shard: int, table: pl.DataFrame, skipped: Sequence[Skip]) -> None:
        """Write a shard, whole or not at all, and what of it could not be scored."""
        write_json(self._skips(shard), [[skip.row, skip.what, skip.reason] for skip in skipped])
        with _replacing(self._path(shard)) as temporary:
            table.write_parquet(temporary)

    def finish(self, shards: int) -> tuple[int, list[Skip]]:
        """Join the shards in order, remove them, and give their rows and what was skipped."""
        skipped = [
            Skip(*values)
            for shard in range(shards)
            for values in json.loads(self._skips(shard).read_bytes())
        ]
        lazy = pl.scan_parquet([self._path(shard) for shard in range(shards)])
        with _replacing(self.out) as temporary:
            rows: int = lazy.select(pl.len()).collect().item()
            match self.out.suffix.lower():
                case ".csv":
                    guard_formulas(lazy).sink_csv(temporary)
                case ".jsonl":
                    lazy.sink_ndjson(temporary)
                case _:
                    lazy.sink_parquet(temporary)
        shutil.rmtree(self.folder)
        return rows, skipped

    def _skips(self, shard: int) -> Path:
        return self.folder / f"{shard:08d}.json"

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:08d}.parquet"

    def _planned(self) -> Any:
        try:
            return json.loads((self.folder / _PLAN).read_bytes())
        except (OSError, ValueError):
            return None


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all; Polars tells a full disk in errors of its own."""
    try:
        with replacing(path) as temporary:
            yield temporary
    except pl.exceptions.PolarsError as error:
        raise LongtailorError(
            f"cannot write {path} ({error}); if the disk is not full, a part of an interrupted "
            "command is damaged: run without --resume"
        ) from error
