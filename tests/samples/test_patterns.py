from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from longtailor.samples.palettes import Palette
from longtailor.samples.patterns import weave
from longtailor.samples.vocabulary import PATTERNS

PALETTE = Palette("navy", (30, 40, 90), (240, 240, 235), (200, 40, 50))
NAMES = sorted({name for weights in PATTERNS.values() for name in weights})


@pytest.mark.parametrize("name", NAMES)
def test_every_pattern_weaves_a_square_with_its_colours(name: str) -> None:
    for seed in range(6):
        cloth = weave(name, PALETTE, 200, 80, np.random.default_rng(seed))
        if not isinstance(cloth, Image.Image):
            assert (name, cloth) == ("plain", PALETTE.main)
            continue
        assert (cloth.mode, cloth.size) == ("RGB", (200, 200))
        spread = np.asarray(cloth, dtype=float).std(axis=(0, 1)).max()
        assert spread < 12 if name == "plain" else spread > 20


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_weaves_the_same_cloth(name: str) -> None:
    first, second = (weave(name, PALETTE, 120, 60, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_stripes_repeat_along_one_way_only() -> None:
    seen = 0
    for seed in range(12):
        pixels = np.asarray(weave("stripes", PALETTE, 160, 80, np.random.default_rng(seed)), float)
        across, down = (
            np.ptp(pixels.mean(axis=0), axis=0).max(),
            np.ptp(pixels.mean(axis=1), axis=0).max(),
        )
        assert max(across, down) > 5 * min(across, down)
        seen += 1
    assert seen == 12
