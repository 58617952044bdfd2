from __future__ import annotations

import numpy as np
import pytest

from longtailor.reporting.heat import heat_color, heat_reach


def channels(color: str | None) -> list[int]:
    assert color is not None
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def test_better_is_blue_worse_is_orange_and_the_same_is_white() -> None:
    assert heat_color(0.0, 0.1) == "#ffffff"
    red, _, blue = channels(heat_color(0.05, 0.1))
    assert blue > red
    red, _, blue = channels(heat_color(-0.05, 0.1))
    assert red > blue
    assert heat_color(float("nan"), 0.1) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_larger_is_stronger_up_to_the_reach_and_letters_stay_legible(sign: int) -> None:
    shades = [sum(channels(heat_color(sign * size, 0.1))) for size in (0.01, 0.05, 0.1)]
    assert shades == sorted(shades, reverse=True)
    assert heat_color(sign * 0.1, 0.1) == heat_color(sign * 5, 0.1)

    def luminance(rgb: list[int]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (value / 255 for value in rgb)
        ]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    letters = luminance([0x14, 0x17, 0x1A])
    # WCAG 2.1, level AA.
    assert (luminance(channels(heat_color(sign, 0.1))) + 0.05) / (letters + 0.05) > 4.5


def test_the_reach_is_not_set_by_one_label() -> None:
    differences = np.append(np.full(99, 0.05), 0.9)
    assert heat_reach([differences, np.array([np.nan])]) == 0.05
    assert heat_reach([np.zeros(3)]) == heat_reach([]) > 0
