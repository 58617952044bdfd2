from __future__ import annotations

import numpy as np
import pytest

from longtailor.samples.palettes import WARDROBES, jitter, shift
from longtailor.samples.vocabulary import ARCHETYPES


def test_every_archetype_has_a_wardrobe() -> None:
    assert set(WARDROBES) == set(ARCHETYPES)


def test_trimmings_stand_out_from_the_main_colour() -> None:
    for wardrobe in WARDROBES.values():
        for palette in wardrobe:
            distance = np.abs(np.subtract(palette.main, palette.accent)).max()
            assert distance > 30, palette


@pytest.mark.parametrize(
    ("amount", "expected"), [(1, (255, 255, 255)), (-1, (0, 0, 0)), (0, (10, 100, 200))]
)
def test_shift_ends_in_white_and_black(amount: float, expected: tuple[int, int, int]) -> None:
    assert shift((10, 100, 200), amount) == expected


def test_jitter_stays_near_and_within_range() -> None:
    rng = np.random.default_rng(0)
    jittered = np.array([jitter((128, 128, 128), rng, 5) for _ in range(500)])
    assert np.abs(jittered.mean(axis=0) - 128).max() < 2
    dark = np.array([jitter((0, 0, 0), rng, 40) for _ in range(100)])
    assert dark.min() >= 0
