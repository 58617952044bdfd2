from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.errors import UsageError
from longtailor.samples import draw_catalog
from longtailor.samples.photo import draw_photo
from longtailor.samples.sampling import sample_products
from longtailor.samples.vocabulary import ATTRIBUTES


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    steps: list[int] = []
    out = tmp_path_factory.mktemp("samples")
    return draw_catalog(out, products=96, seed=5, size=32, progress=steps.append), steps


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_names_every_photo_and_no_split(drawn: tuple[Path, list[int]]) -> None:
    rows = _rows(drawn[0])
    assert list(rows[0]) == ["id", "image", *ATTRIBUTES]
    assert len({row["id"] for row in rows}) == len(rows) == 96
    images = sorted(p.relative_to(drawn[0].parent) for p in drawn[0].parent.rglob("*.jpg"))
    assert images == sorted(Path(row["image"]) for row in rows)


def test_nothing_else_is_left_behind(drawn: tuple[Path, list[int]]) -> None:
    files = [p for p in drawn[0].parent.rglob("*") if p.is_file()]
    assert len(files) == 97


def test_progress_adds_up(drawn: tuple[Path, list[int]]) -> None:
    assert sum(drawn[1]) == 96


def test_photos_are_jpegs_of_what_draw_photo_draws(drawn: tuple[Path, list[int]]) -> None:
    products = sample_products(96, 5)
    for index in (0, 50, 95):
        with Image.open(drawn[0].parent / _rows(drawn[0])[index]["image"]) as photo:
            assert (photo.format, photo.size, photo.mode) == ("JPEG", (32, 32), "RGB")
            lossy = np.asarray(photo, float)
        exact = np.asarray(draw_photo(products[index], 5, 32), float)
        assert np.abs(lossy - exact).mean() < 14


def test_same_arguments_same_bytes(drawn: tuple[Path, list[int]], tmp_path: Path) -> None:
    again = draw_catalog(tmp_path, products=96, seed=5, size=32)
    assert again.read_bytes() == drawn[0].read_bytes()
    for photo in sorted(tmp_path.rglob("*.jpg")):
        twin = drawn[0].parent / photo.relative_to(tmp_path)
        assert photo.read_bytes() == twin.read_bytes()


def test_an_interrupted_drawing_leaves_no_table(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("of an earlier catalogue")

    def interrupt(steps: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_catalog(tmp_path, products=96, size=32, progress=interrupt)
    assert not (tmp_path / "products.csv").exists()
    assert not [p for p in tmp_path.rglob(".*") if p.is_file()]


@pytest.mark.parametrize(
    ("wrong", "what"), [({"products": 40}, "96"), ({"seed": -1}, "seed"), ({"size": 8}, "pixels")]
)
def test_wrong_arguments_are_refused_before_anything_is_written(
    wrong: dict[str, int], what: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=what):
        draw_catalog(out, **wrong)  # type: ignore[arg-type]
    assert not out.exists()
