"""The file that predictions are written to, made of shards."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from longtailor.catalog.formulas import guard_formulas
from longtailor.errors import UsageError
from longtailor.files import write_json
from longtailor.scoring.shards import Shards, writing
from longtailor.scoring.skip_list import SkipList

SUFFIXES = (".csv", ".jsonl", ".parquet")
SHARD = 4096
"""Products in a shard."""
_STATE = "state.json"


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
    """Collects shards in a folder beside the output file, and makes the file of them in the end.

    Parameters
    ----------
    out : Path
        A `.csv`, `.jsonl` or `.parquet` file.
    plan : dict
        What decides the content: the detector and the products. Shards of another plan are not
        taken over.
    resume : bool
        Keep the shards of an interrupted command with the same plan.

    Attributes
    ----------
    shards : Shards
    skips : SkipList

    Raises
    ------
    UsageError
        If `out` cannot be such a file.
    """

    def __init__(self, out: Path, plan: dict[str, Any], *, resume: bool) -> None:
        require_output(out)
        self.out = out
        folder = out.with_name(f".{out.name}.parts")
        self.shards = Shards(folder)
        self.skips = SkipList(out, self.shards)
        digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
        self._state: dict[str, Any] = {"plan": digest}
        earlier = self._read()
        if resume and earlier.get("plan") == digest:
            self._state = earlier
        else:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def prepared(self) -> bool:
        """Whether all products have been dealt to shards."""
        return "shards" in self._state

    @property
    def finished(self) -> bool:
        """Whether an earlier command wrote the file, and was stopped before it had tidied up."""
        return "finished" in self._state and self.out.exists()

    @property
    def products(self) -> int:
        """How many products there are, those that will be skipped included."""
        return int(self._state["products"])

    def prepare(self, products: Iterable[pl.DataFrame]) -> None:
        """Deal products to shards. Done when the last one is dealt."""
        shards = count = 0
        for part in _resized(products, SHARD):
            self.shards.put_products(shards, part)
            shards += 1
            count += len(part)
        self._write(shards=shards, products=count)

    def pending(self) -> list[int]:
        """Give the shards that are to be scored."""
        return [number for number in self._all() if not self.shards.has(number)]

    def done(self) -> list[int]:
        """Give the shards that have been scored."""
        return [number for number in self._all() if self.shards.has(number)]

    def finish(self) -> tuple[int, int]:
        """Join the shards in order, remove them, and count rows and what was skipped."""
        if not self.finished:
            rows = self._join()
            self._write(finished=[rows, self.skips.write(self._all())])
        rows, skipped = self._state["finished"]
        self._remove()
        return rows, skipped

    def _join(self) -> int:
        results = [self.shards.results(number) for number in self._all()]
        # The name that a user gave is no pattern.
        lazy = pl.scan_parquet(results, glob=False, hive_partitioning=False)
        with writing(self.out, folder=self.shards.folder) as temporary:
            rows: int = lazy.select(pl.len()).collect().item()
            match self.out.suffix.lower():
                case ".csv":
                    guard_formulas(lazy).sink_csv(temporary)
                case ".jsonl":
                    lazy.sink_ndjson(temporary)
                case _:
                    lazy.sink_parquet(temporary)
        return rows

    def _all(self) -> range:
        return range(self._state["shards"])

    def _write(self, **more: Any) -> None:
        self._state = {**self._state, **more}
        write_json(self.shards.folder / _STATE, self._state)

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads((self.shards.folder / _STATE).read_bytes())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def _remove(self) -> None:
        # The state goes last: until then it says that there is nothing left to do.
        for file in self.shards.folder.iterdir():
            if file.name != _STATE:
                file.unlink()
        shutil.rmtree(self.shards.folder)


def _resized(parts: Iterable[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Give rows again in parts of one size, but for the last."""
    left: pl.DataFrame | None = None
    for part in parts:
        rows = part if left is None else pl.concat([left, part])
        whole = len(rows) // size * size
        yield from rows.head(whole).iter_slices(size)
        left = rows.tail(len(rows) - whole)
    if left is not None and len(left):
        yield left
