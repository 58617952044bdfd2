from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from longtailor.detector import Detector
from longtailor.fitting import FitOptions
from longtailor.runs.fit import Source, fit_run
from longtailor.serving import ServeSettings, create_app
from longtailor.serving.review.open import load_review
from longtailor.serving.review.routes import build_router
from longtailor.serving.review.state import Review


class Desk:
    """A run, its catalogue with unknown sleeves, and a page to review it."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "run"
        self.catalog = folder / "shop" / "part.csv"
        self.annotations = folder / "decided.jsonl"
        self.ids: list[str] = pl.read_csv(self.catalog)["id"].to_list()

    def review(self) -> Review:
        return load_review(self.run, self.catalog, self.annotations)

    def client(self, **settings: Any) -> TestClient:
        app = create_app(
            Detector.load(self.run), ServeSettings(**settings), review=build_router(self.review())
        )
        return TestClient(app, base_url="http://127.0.0.1:8000")

    def rows(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.annotations.read_text().splitlines()]


@pytest.fixture
def names() -> dict[str, str]:
    """Values of sleeves that the desk's catalogue has another name for."""
    return {}


@pytest.fixture(scope="session")
def fitted_desks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a run and its catalogue, to be copied, by the names in them."""
    return {}


@pytest.fixture
def desk(
    light_encoder: Any,
    no_report: None,
    make_shop: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    fitted_desks: dict[str, Path],
    names: dict[str, str],
) -> Desk:
    if str(names) not in fitted_desks:
        folder = tmp_path_factory.mktemp("fitted")
        table = pl.read_csv(make_shop(folder / "shop"), infer_schema=False).fill_null("")
        number = pl.int_range(pl.len())
        split = pl.when(number % 4 < 2).then(pl.lit("train"))
        split = split.when(number % 4 == 2).then(pl.lit("val")).otherwise(pl.lit("test"))
        hidden = (number % 4 < 2) & (number % 3 > 0)
        if names:
            table = table.with_columns(id=pl.lit("<i>") + pl.col("id"))
        table.with_columns(
            split=split,
            sleeve=pl.when(hidden).then(pl.lit("")).otherwise(pl.col("sleeve").replace(names)),
        ).write_csv(folder / "shop" / "part.csv")
        options = FitOptions(objective="none")
        fit_run(Source(folder / "shop" / "part.csv"), folder / "run", options)
        fitted_desks[str(names)] = folder
    copy = tmp_path_factory.mktemp("desk") / "copy"
    shutil.copytree(fitted_desks[str(names)], copy)
    return Desk(copy)


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with desk.client() as client:
        yield client
