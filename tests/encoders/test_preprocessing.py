from __future__ import annotations

import json

import numpy as np
from PIL import Image

from longtailor.encoders.preprocessing import Preprocessing

HALF = (0.5, 0.5, 0.5)


def test_the_whole_photo_is_squashed_to_a_square() -> None:
    # A portrait with its outermost rows and columns marked: nothing may be cut off.
    pixels = np.zeros((300, 100, 3), np.uint8)
    pixels[:30] = pixels[-30:] = 255
    pixels[:, :10] = pixels[:, -10:] = 255
    seen = Preprocessing(40, "bicubic", HALF, HALF)(Image.fromarray(pixels))
    assert seen.shape == (40, 40, 3)
    assert seen.dtype == np.uint8
    for edge in (seen[0], seen[-1], seen[:, 0], seen[:, -1]):
        assert edge.min() > 240
    assert seen[20, 20].max() == 0


def test_the_resampling_is_pillows() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    expected = np.asarray(image.resize((20, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(Preprocessing(20, "bilinear", HALF, HALF)(image), expected)


def test_it_survives_json() -> None:
    original = Preprocessing(224, "bicubic", (0.1, 0.2, 0.3), (0.4, 0.5, 127 / 255))
    assert Preprocessing.from_dict(json.loads(json.dumps(original.to_dict()))) == original
