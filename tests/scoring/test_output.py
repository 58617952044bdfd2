from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog import Skip
from longtailor.errors import LongtailorError, UsageError
from longtailor.scoring.output import ShardedOutput, require_output

TABLE = pl.DataFrame({"id": ["a", "b"], "score": [0.25, 0.5]})


def test_shards_are_joined_in_order_and_removed(tmp_path: Path) -> None:
    output = ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=False)
    output.put(1, TABLE.with_columns(id=pl.lit("z")), [Skip(5, "z", "broken")])
    output.put(0, TABLE, [])
    assert (output.has(0), output.has(1), output.has(2)) == (True, True, False)
    assert output.finish(2) == (4, [Skip(5, "z", "broken")])
    assert pl.read_csv(tmp_path / "out.csv")["id"].to_list() == ["a", "b", "z", "z"]
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize(
    ("plan", "resume", "kept"), [(1, True, True), (1, False, False), (2, True, False)]
)
def test_shards_are_kept_for_the_same_plan_when_resuming(
    tmp_path: Path, plan: int, resume: bool, kept: bool
) -> None:
    ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=False).put(0, TABLE, [])
    assert ShardedOutput(tmp_path / "out.csv", {"a": plan}, resume=resume).has(0) == kept


def test_a_damaged_plan_is_another_plan(tmp_path: Path) -> None:
    ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=False).put(0, TABLE, [])
    (tmp_path / ".out.csv.parts" / "plan.json").write_text("{")
    assert not ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=True).has(0)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_earlier_file_stays_until_the_new_one_is_whole(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"out.{suffix}"
    out.write_text("earlier")
    output = ShardedOutput(out, {}, resume=False)
    output.put(0, TABLE, [])

    def full(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device")

    with monkeypatch.context() as patch:
        for name in ("sink_csv", "sink_ndjson", "sink_parquet"):
            patch.setattr(pl.LazyFrame, name, full)
        with pytest.raises(LongtailorError, match=rf"out\.{suffix} \(No space left on device\)"):
            output.finish(1)
    assert out.read_text() == "earlier"
    assert output.has(0)
    output.finish(1)
    assert b"a" in out.read_bytes()
    assert out.read_bytes() != b"earlier"


def test_a_full_disk_while_a_shard_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = ShardedOutput(tmp_path / "out.csv", {}, resume=False)

    def full(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(LongtailorError, match="No space left on device"):
        output.put(0, TABLE, [])
    assert not output.has(0)


def test_what_cannot_be_written_to_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("out.CSV", "out.Jsonl", "out.parquet"):
        require_output(tmp_path / name)
    for name in ("out", "out.xlsx", "csv", ".csv"):
        with pytest.raises(UsageError, match=r"use one of \.csv, \.jsonl, \.parquet"):
            require_output(tmp_path / name)
