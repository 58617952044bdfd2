from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog import Skip
from longtailor.scoring.shards import Shards
from longtailor.scoring.skip_list import SkipList, skips_path

TABLE = pl.DataFrame({"id": ["a"]})


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    shards = Shards(tmp_path / "parts")
    shards.put(0, TABLE, [Skip(2, "p2", "broken"), Skip(3, "=1+1", 'no "such", file')])
    shards.put(1, TABLE, [])
    shards.put(2, TABLE, [Skip(9, "p9", "empty")])
    return shards


def test_it_grows_shard_by_shard_and_is_in_order_at_the_end(tmp_path: Path, shards: Shards) -> None:
    out = tmp_path / "out.parquet"
    skips, path = SkipList(out, shards), skips_path(out)
    assert path == tmp_path / "out.skipped.csv"
    skips.add(1)
    assert not path.exists()
    skips.add(2)
    assert path.read_text() == "row,id,reason\n9,p9,empty\n"
    skips.add(0)
    assert path.read_text().splitlines()[0] == "row,id,reason"
    assert pl.read_csv(path)["row"].to_list() == [9, 2, 3]
    assert skips.write([0, 1, 2]) == 3
    table = pl.read_csv(path)
    assert table["row"].to_list() == [2, 3, 9]
    assert table["id"].to_list() == ["p2", "'=1+1", "p9"]
    assert table["reason"][1] == 'no "such", file'


def test_without_skips_there_is_no_file(tmp_path: Path, shards: Shards) -> None:
    skips, path = SkipList(tmp_path / "out.csv", shards), tmp_path / "out.skipped.csv"
    path.write_text("of an earlier command")
    assert skips.write([1]) == 0
    assert not path.exists()
    assert skips.write([]) == 0
