from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.errors import UsageError
from longtailor.samples import contact_sheet, draw_catalog, sample_sheet


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = []
    for number, colour in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200)]):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (80, 80), colour).save(paths[-1])
    return paths


def test_a_contact_sheet_shows_each_photo_in_reading_order(
    photos: list[Path], tmp_path: Path
) -> None:
    out = contact_sheet(photos, ["one", "two", "x" * 200], tmp_path / "sheet.png", columns=2)
    sheet = np.asarray(Image.open(out).convert("RGB"), int)
    places = [
        np.argwhere(np.abs(sheet - colour).sum(axis=2) < 3)
        for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200))
    ]
    assert all(len(place) > 5000 for place in places)
    first, second, third = (place.mean(axis=0) for place in places)
    assert first[0] == pytest.approx(second[0])
    assert first[1] < second[1]
    assert third[0] > first[0]
    assert third[1] == pytest.approx(first[1])


@pytest.mark.parametrize(("captions", "columns"), [(["one"], 2), ([], 2), (["a", "b", "c"], 0)])
def test_wrong_use_of_a_contact_sheet_is_refused(
    captions: list[str], columns: int, photos: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        contact_sheet(photos, captions, tmp_path / "sheet.png", columns=columns)
    assert not (tmp_path / "sheet.png").exists()


def test_no_photos_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        contact_sheet([], [], tmp_path / "sheet.png")


def test_the_sample_sheet_highlights_the_puff_row(tmp_path: Path) -> None:
    draw_catalog(tmp_path, products=96, size=32)
    out = sample_sheet(tmp_path)
    assert out == tmp_path / "contact_sheet.png"
    sheet = np.asarray(Image.open(out).convert("RGB"), int)
    blush = np.abs(sheet - (250, 225, 224)).sum(axis=2) == 0
    rows = np.flatnonzero(blush[:, 2])
    assert 150 < len(rows) < 180
    assert np.ptp(rows) == len(rows) - 1
