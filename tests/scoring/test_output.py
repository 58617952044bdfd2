from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from longtailor.catalog import Skip
from longtailor.errors import LongtailorError, UsageError
from longtailor.scoring.output import ShardedOutput, require_output

TABLE = pl.DataFrame({"id": ["a", "b"], "score": [0.25, 0.5]})


@pytest.fixture(autouse=True)
def shards_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longtailor.scoring.output.SHARD", 2)


def begin(out: Path, products: int, *, resume: bool = False) -> ShardedOutput:
    """Deal products to shards, if that is to be done."""
    output = ShardedOutput(out, {"a": 1}, resume=resume)
    if not output.prepared:
        output.prepare([pl.DataFrame({"row": range(products)})])
    return output


def test_products_are_dealt_to_shards_of_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtailor.scoring.output.SHARD", 10)
    rows = pl.DataFrame({"row": range(23)})
    for cuts in ([23], [1, 22], [10, 10, 3], [1] * 23):
        output = ShardedOutput(tmp_path / "out.csv", {}, resume=False)
        parts, start = [], 0
        for cut in cuts:
            parts.append(rows.slice(start, cut))
            start += cut
        output.prepare(parts)
        dealt = [output.shards.products(number) for number in output.pending()]
        assert [len(shard) for shard in dealt] == [10, 10, 3]
        assert pl.concat(dealt).equals(rows)
        assert output.products == 23


def test_shards_are_joined_in_order_and_removed(tmp_path: Path) -> None:
    output = begin(tmp_path / "out.csv", 4)
    output.shards.put(1, TABLE.with_columns(id=pl.lit("z")), [Skip(5, "z", "broken")])
    assert (output.done(), output.pending()) == ([1], [0])
    output.shards.put(0, TABLE, [])
    assert (output.done(), output.pending()) == ([0, 1], [])
    assert output.finish() == (4, 1)
    assert pl.read_csv(tmp_path / "out.csv")["id"].to_list() == ["a", "b", "z", "z"]
    assert (tmp_path / "out.skipped.csv").read_text() == "row,id,reason\n5,z,broken\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.csv", "out.skipped.csv"]


@pytest.mark.parametrize(
    ("plan", "resume", "kept"), [(1, True, True), (1, False, False), (2, True, False)]
)
def test_shards_are_kept_for_the_same_plan_when_resuming(
    tmp_path: Path, plan: int, resume: bool, kept: bool
) -> None:
    begin(tmp_path / "out.csv", 4).shards.put(0, TABLE, [])
    output = ShardedOutput(tmp_path / "out.csv", {"a": plan}, resume=resume)
    assert output.prepared == kept
    assert output.shards.has(0) == kept


def test_a_damaged_state_is_another_plan(tmp_path: Path) -> None:
    for content in ("{", "[]", "{}"):
        begin(tmp_path / "out.csv", 4).shards.put(0, TABLE, [])
        (tmp_path / ".out.csv.parts" / "state.json").write_text(content)
        assert not ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=True).prepared


def test_who_is_stopped_while_dealing_deals_again(tmp_path: Path) -> None:
    def stopped() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"row": range(4)})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=False).prepare(stopped())
    assert not ShardedOutput(tmp_path / "out.csv", {"a": 1}, resume=True).prepared


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("stage", ["_join", "write", "_remove", "rmtree"])
def test_who_is_stopped_while_finishing_finishes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, suffix: str
) -> None:
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    for path in (whole, out):
        output = begin(path, 4)
        output.shards.put(0, TABLE, [Skip(1, "x", "gone")])
        output.shards.put(1, TABLE, [])
    begin(whole, 4, resume=True).finish()

    def stopped(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        place = {
            "write": "longtailor.scoring.skip_list.SkipList.write",
            "rmtree": "longtailor.scoring.output.shutil.rmtree",
        }.get(stage, f"longtailor.scoring.output.ShardedOutput.{stage}")
        patch.setattr(place, stopped)
        with pytest.raises(KeyboardInterrupt):
            output.finish()
    again = begin(out, 4, resume=True)
    assert again.finished == (stage in ("_remove", "rmtree"))
    assert again.finish() == (4, 1)
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_earlier_file_stays_until_the_new_one_is_whole(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"out.{suffix}"
    out.write_text("earlier")
    output = begin(out, 2)
    output.shards.put(0, TABLE, [])

    def full(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.ComputeError("No space left on device")

    with monkeypatch.context() as patch:
        for name in ("sink_csv", "sink_ndjson", "sink_parquet"):
            patch.setattr(pl.LazyFrame, name, full)
        with pytest.raises(LongtailorError, match=rf"out\.{suffix} \(No space left on device\)"):
            output.finish()
    assert out.read_text() == "earlier"
    assert output.shards.has(0)
    output.finish()
    assert b"a" in out.read_bytes()
    assert out.read_bytes() != b"earlier"


def test_what_cannot_be_written_to_is_wrong_usage(tmp_path: Path) -> None:
    for name in ("out.CSV", "out.Jsonl", "out.parquet"):
        require_output(tmp_path / name)
    for name in ("out", "out.xlsx", "csv", ".csv"):
        with pytest.raises(UsageError, match=r"use one of \.csv, \.jsonl, \.parquet"):
            require_output(tmp_path / name)
