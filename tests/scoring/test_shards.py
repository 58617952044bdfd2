from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog import Skip
from longtailor.errors import LongtailorError
from longtailor.scoring.shards import Shards

TABLE = pl.DataFrame({"id": ["a", "b"], "score": [0.25, 0.5]})


def test_what_was_put_is_there(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "parts")
    assert not shards.has(3)
    shards.put_products(3, TABLE)
    assert not shards.has(3)
    assert shards.products(3).equals(TABLE)
    shards.put(3, TABLE, [Skip(9, "b", "late"), Skip(2, "a", "early")])
    assert shards.has(3)
    assert shards.skipped(3) == [Skip(2, "a", "early"), Skip(9, "b", "late")]
    assert pl.read_parquet(shards.results(3)).equals(TABLE)


def test_a_full_disk_while_a_shard_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = Shards(tmp_path)

    def full(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(LongtailorError, match="No space left on device"):
        shards.put(0, TABLE, [])
    assert not shards.has(0)
    assert not list(tmp_path.glob(".*"))


def test_damaged_files_are_told(tmp_path: Path) -> None:
    shards = Shards(tmp_path)
    for damage in (None, b"", b"PAR1"):
        if damage is not None:
            (tmp_path / "00000000.products.parquet").write_bytes(damage)
            (tmp_path / "00000000.skipped.json").write_bytes(damage)
        for read in (shards.products, shards.skipped):
            with pytest.raises(LongtailorError, match="run without --resume") as caught:
                read(0)
            assert "\n" not in str(caught.value)
