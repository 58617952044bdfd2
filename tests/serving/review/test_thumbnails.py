from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from longtailor.errors import ImageError
from longtailor.serving.review import thumbnails
from longtailor.serving.review.thumbnails import Thumbnails


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (1000, 500), "red").save(path)
    return path


def test_a_photo_fits_the_side_and_keeps_its_shape(photo: Path) -> None:
    for side in thumbnails.SIDES:
        with Image.open(io.BytesIO(Thumbnails([photo]).get(0, side))) as image:
            assert image.size == (side, side // 2)
            assert image.format == "JPEG"


def test_it_is_decoded_once(photo: Path) -> None:
    copies = Thumbnails([photo])
    first = copies.get(0, 240)
    photo.unlink()
    assert copies.get(0, 240) is first
    with pytest.raises(ImageError, match="no such file"):
        copies.get(0, 480)


def test_what_is_kept_has_a_limit(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Thumbnails([photo, photo, photo])
    size = len(copies.get(0, 240))
    monkeypatch.setattr(thumbnails, "_MOST_BYTES", 2 * size)
    copies.get(1, 240)
    copies.get(0, 240)
    copies.get(2, 240)
    photo.unlink()
    copies.get(0, 240)
    copies.get(2, 240)
    with pytest.raises(ImageError):
        copies.get(1, 240)


@pytest.mark.parametrize(("product", "side"), [(1, 240), (2, 240), (-1, 240), (0, 241), (0, 0)])
def test_nothing_else_can_be_had(photo: Path, product: int, side: int) -> None:
    with pytest.raises(KeyError):
        Thumbnails([photo, None]).get(product, side)
