from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from longtailor.reporting.photos import SIDE, sightings, thumbnail


def test_sightings_are_the_surest_of_each_kind() -> None:
    probabilities = np.array([0.9, 0.8, 0.1, 0.3, 0.95, 0.6, 0.99, 0.2, 0.85])
    cells = np.array([1, 1, 1, 1, 0, 0, -1, 0, 1], dtype=np.int8)
    seen = sightings(probabilities, cells, 0.5, 2)
    assert [one.product for one in seen.found] == [0, 8]
    assert [one.product for one in seen.missed] == [3, 2]
    assert [one.product for one in seen.false_alarms] == [4, 5]
    assert (seen.found_count, seen.missed_count, seen.false_alarm_count) == (3, 2, 2)
    assert seen.found[0].probability == 0.9


def test_a_probability_at_the_threshold_is_predicted() -> None:
    seen = sightings(np.array([0.5, 0.5]), np.array([1, 0], dtype=np.int8), 0.5, 5)
    assert (seen.found_count, seen.missed_count, seen.false_alarm_count) == (1, 0, 1)


def test_unknown_cells_are_shown_nowhere() -> None:
    seen = sightings(np.array([0.9, 0.1]), np.array([-1, -1], dtype=np.int8), 0.5, 5)
    assert seen.found == seen.missed == seen.false_alarms == []


def test_a_thumbnail_is_a_small_upright_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400), "red").save(tmp_path / "a.jpg", exif=exif)
    address = thumbnail(tmp_path / "a.jpg")
    assert address is not None
    kind, _, content = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.size == (SIDE // 2, SIDE)


def test_what_cannot_be_read_has_no_thumbnail(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert thumbnail(None) is None
    assert thumbnail(tmp_path / "a.jpg") is None
    assert thumbnail(tmp_path / "gone.jpg") is None
