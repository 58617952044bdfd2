from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from longtailor import Detector
from longtailor.errors import LongtailorError
from longtailor.fitting import FitOptions
from longtailor.runs.fit import Source, fit_run
from longtailor.runs.predict import predict_run
from longtailor.scoring import local
from longtailor.scoring.output import ShardedOutput

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    fit_run(Source(shop), tmp_path / "run", FitOptions())
    return tmp_path / "run"


@pytest.fixture
def undisturbed(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pl.DataFrame:
    monkeypatch.setattr(local, "SHARD", 25)
    (shop.parent / "images" / "030.png").write_bytes(b"")
    predict_run(run, [shop], tmp_path / "undisturbed.csv")
    return pl.read_csv(tmp_path / "undisturbed.csv")


class Killed(BaseException):
    """Stands for the end of a process: nothing catches it."""


def interrupt(
    monkeypatch: pytest.MonkeyPatch, run: Path, shop: Path, out: Path, shard: int
) -> None:
    """Predict, and be killed before a shard is written."""
    put = ShardedOutput.put

    def killed(self: ShardedOutput, number: int, *args: object) -> None:
        if number == shard:
            raise Killed
        put(self, number, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ShardedOutput, "put", killed)
        with pytest.raises(Killed):
            predict_run(run, [shop], out)


def scored_shards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    put = ShardedOutput.put
    monkeypatch.setattr(
        ShardedOutput,
        "put",
        lambda self, number, *args: (numbers.append(number), put(self, number, *args))[1],
    )
    return numbers


def test_resuming_scores_only_what_is_left_and_ends_as_if_undisturbed(
    shop: Path,
    run: Path,
    tmp_path: Path,
    undisturbed: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out.csv"
    interrupt(monkeypatch, run, shop, out, 3)
    assert not out.exists()
    numbers = scored_shards(monkeypatch)
    scored = predict_run(run, [shop], out, resume=True)
    assert numbers == [3, 4]
    assert (scored.products, len(scored.skipped)) == (119, 1)
    assert out.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    skipped = (tmp_path / "out.skipped.csv").read_bytes()
    assert skipped == (tmp_path / "undisturbed.skipped.csv").read_bytes()
    assert undisturbed.group_by("id", "label").len()["len"].unique().to_list() == [1]
    assert undisturbed["id"].n_unique() == 119
    assert not list(tmp_path.glob(".*parts"))


def test_without_resume_everything_is_scored_again(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SHARD", 50)
    interrupt(monkeypatch, run, shop, tmp_path / "out.csv", 1)
    numbers = scored_shards(monkeypatch)
    predict_run(run, [shop], tmp_path / "out.csv")
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize("change", ["products", "images", "detector", "exclusive", "shard"])
def test_shards_of_another_command_are_not_taken_over(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(local, "SHARD", 50)
    out = tmp_path / "out.csv"
    interrupt(monkeypatch, run, shop, out, 2)
    exclusive = True
    match change:
        case "products":
            pl.read_csv(shop, infer_schema=False).head(119).write_csv(shop)
        case "images":
            shutil.copytree(shop.parent, tmp_path / "copy")
            shop = tmp_path / "copy" / "products.csv"
        case "detector":
            fit_run(Source(shop), run, FitOptions(objective="inverse_frequency"))
        case "exclusive":
            exclusive = False
        case "shard":
            monkeypatch.setattr(local, "SHARD", 60)
    numbers = scored_shards(monkeypatch)
    predict_run(run, [shop], out, exclusive=exclusive, resume=True)
    assert numbers == list(range(2 if change == "shard" else 3))
    if change == "exclusive":
        assert pl.read_csv(out)["predicted"].dtype == pl.Boolean


def test_damaged_shards_are_no_traceback(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SHARD", 50)
    out = tmp_path / "out.csv"
    interrupt(monkeypatch, run, shop, out, 2)
    (tmp_path / ".out.csv.parts" / "00000000.parquet").write_bytes(b"PAR1")
    with pytest.raises(LongtailorError, match=r"out\.csv .*without --resume") as caught:
        predict_run(run, [shop], out, resume=True)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def test_memory_holds_one_shard(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "SHARD", 7)
    sizes: list[int] = []
    probabilities = Detector.probabilities
    monkeypatch.setattr(
        Detector,
        "probabilities",
        lambda self, values: (sizes.append(len(values)), probabilities(self, values))[1],
    )
    predict_run(run, [shop], tmp_path / "out.csv")
    assert max(sizes) == 7
    assert sum(sizes) == 120
