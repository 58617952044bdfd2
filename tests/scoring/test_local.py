from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from longtailor import Detector
from longtailor.encoders import EmbeddingCache
from longtailor.errors import LongtailorError
from longtailor.fitting import FitOptions
from longtailor.runs.fit import Source, fit_run
from longtailor.runs.predict import predict_run
from longtailor.scoring.shards import Shards

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")


@pytest.fixture
def run(shop: Path, tmp_path: Path) -> Path:
    fit_run(Source(shop), tmp_path / "run", FitOptions())
    return tmp_path / "run"


@pytest.fixture
def undisturbed(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pl.DataFrame:
    set_shard(monkeypatch, 25)
    (shop.parent / "images" / "030.png").write_bytes(b"")
    predict_run(run, [shop], tmp_path / "undisturbed.csv")
    return pl.read_csv(tmp_path / "undisturbed.csv")


def set_shard(monkeypatch: pytest.MonkeyPatch, products: int) -> None:
    monkeypatch.setattr("longtailor.scoring.output.SHARD", products)


class Killed(BaseException):
    """Stands for the end of a process: nothing catches it."""


def interrupt(
    monkeypatch: pytest.MonkeyPatch, run: Path, shop: Path, out: Path, shard: int
) -> None:
    """Predict, and be killed before a shard is written."""
    put = Shards.put

    def killed(self: Shards, number: int, *args: object) -> None:
        if number == shard:
            raise Killed
        put(self, number, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Shards, "put", killed)
        with pytest.raises(Killed):
            predict_run(run, [shop], out)


def scored_shards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    numbers: list[int] = []
    put = Shards.put
    monkeypatch.setattr(
        Shards,
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
    assert (scored.products, scored.skipped) == (119, 1)
    assert out.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    skipped = (tmp_path / "out.skipped.csv").read_bytes()
    assert skipped == (tmp_path / "undisturbed.skipped.csv").read_bytes()
    assert undisturbed.group_by("id", "label").len()["len"].unique().to_list() == [1]
    assert undisturbed["id"].n_unique() == 119
    assert not list(tmp_path.glob(".*parts"))


def test_without_resume_everything_is_scored_again(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_shard(monkeypatch, 50)
    interrupt(monkeypatch, run, shop, tmp_path / "out.csv", 1)
    numbers = scored_shards(monkeypatch)
    predict_run(run, [shop], tmp_path / "out.csv")
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize("change", ["products", "images", "detector", "exclusive"])
def test_shards_of_another_command_are_not_taken_over(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    set_shard(monkeypatch, 50)
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
    numbers = scored_shards(monkeypatch)
    predict_run(run, [shop], out, exclusive=exclusive, resume=True)
    assert numbers == [0, 1, 2]
    if change == "exclusive":
        assert pl.read_csv(out)["predicted"].dtype == pl.Boolean


def test_damaged_shards_are_no_traceback(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_shard(monkeypatch, 50)
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
    set_shard(monkeypatch, 7)
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


def test_what_is_skipped_is_listed_while_scoring(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_shard(monkeypatch, 25)
    for number in (30, 40, 110):
        (shop.parent / "images" / f"{number:03d}.png").write_bytes(b"")
    interrupt(monkeypatch, run, shop, tmp_path / "out.csv", 2)
    listed = tmp_path / "out.skipped.csv"
    assert pl.read_csv(listed).select("row", "id").rows() == [(32, "p30"), (42, "p40")]
    # What a kill tore is written again.
    listed.write_text(listed.read_text()[:-5])
    predict_run(run, [shop], tmp_path / "out.csv", resume=True)
    table = pl.read_csv(listed)
    assert table.columns == ["row", "id", "reason"]
    assert table["id"].to_list() == ["p30", "p40", "p110"]
    assert table["reason"].str.ends_with("the file is empty").all()


@pytest.mark.parametrize(("products", "kept"), [(120, 120), (119, 0)])
def test_the_cache_is_filled_by_catalogues_of_a_bounded_size(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, products: int, kept: int
) -> None:
    monkeypatch.setattr("longtailor.scoring.local.CACHED", products)
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path / "another"))
    predict_run(run, [shop], tmp_path / "out.csv")
    with EmbeddingCache() as cache:
        assert sum(encoder.embeddings for encoder in cache.encoders()) == kept


def test_an_image_that_appears_while_it_is_interrupted_is_scored(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_shard(monkeypatch, 50)
    image = shop.parent / "images" / "110.png"
    content = image.read_bytes()
    image.unlink()
    interrupt(monkeypatch, run, shop, tmp_path / "out.csv", 2)
    image.write_bytes(content)
    assert predict_run(run, [shop], tmp_path / "out.csv", resume=True).products == 120
