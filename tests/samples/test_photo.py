from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longtailor.samples.photo import draw_photo
from longtailor.samples.sampling import sample_products
from longtailor.samples.vocabulary import GARMENTS, LENGTHS, NECKLINES, SLEEVES

PRODUCTS = sample_products(96, 0)


@pytest.mark.parametrize("size", [33, 64])
def test_a_photo_has_the_size_asked_for(size: int) -> None:
    photo = draw_photo(PRODUCTS[0], 0, size)
    assert (photo.mode, photo.size) == ("RGB", (size, size))


def test_same_product_same_pixels_and_another_seed_others() -> None:
    first, again, other = (np.asarray(draw_photo(PRODUCTS[1], seed, 48)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


def test_photos_are_neither_dark_nor_burnt_out_nor_alike() -> None:
    photos = np.stack([np.asarray(draw_photo(p, 0, 48)) for p in PRODUCTS[:24]]).astype(float)
    brightness = photos.mean(axis=(1, 2, 3))
    assert brightness.min() > 30
    assert brightness.max() < 250
    assert photos.std(axis=(1, 2, 3)).min() > 8
    assert brightness.std() > 10


def test_the_sleeve_shows_on_the_photo() -> None:
    long = replace(PRODUCTS[2], sleeve="long", garment="sweater", neckline="crew", length="hip")
    bare = replace(long, sleeve="sleeveless")
    difference = np.asarray(draw_photo(long, 0, 64), float) - np.asarray(draw_photo(bare, 0, 64))
    assert (np.abs(difference).max(axis=2) > 25).mean() > 0.03


def test_every_garment_can_be_drawn_with_every_sleeve() -> None:
    garments = sorted({g for weights in GARMENTS.values() for g in weights})
    for index, garment in enumerate(garments):
        for sleeve in SLEEVES:
            necks, lengths = list(NECKLINES[garment]), list(LENGTHS[garment])
            product = replace(
                PRODUCTS[0],
                index=index,
                garment=garment,
                sleeve=sleeve,
                neckline=necks[index % len(necks)],
                length=lengths[index % len(lengths)],
                details=("belt", "bow", "buttons", "pocket", "ruffle"),
            )
            assert draw_photo(product, 2, 32).size == (32, 32)
