"""Colours of a heat map of differences: blue is better, orange is worse, white is the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_BETTER, _WORSE = (0x2F, 0x86, 0xC1), (0xE0, 0x7B, 0x39)
"""Light enough for dark letters, apart in hue for colour-blind readers."""
_LEAST_REACH = 0.02


def heat_reach(differences: Sequence[npt.NDArray[np.float64]]) -> float:
    """Give the difference of full colour: nearly the largest, so that one label is not all."""
    sizes = np.abs(np.concatenate([np.ravel(one) for one in differences] or [np.zeros(0)]))
    sizes = sizes[~np.isnan(sizes)]
    largest = float(np.quantile(sizes, 0.95)) if len(sizes) else 0.0
    return max(_LEAST_REACH, round(largest, 2))


def heat_color(difference: float, reach: float) -> str | None:
    """Give the colour of a difference as CSS; None where there is none.

    Parameters
    ----------
    difference : float
        NaN has no colour.
    reach : float
        The difference of full colour.
    """
    if np.isnan(difference):
        return None
    strength = min(1.0, abs(difference) / reach)
    end = _BETTER if difference > 0 else _WORSE
    red, green, blue = (round(255 + (value - 255) * strength) for value in end)
    return f"#{red:02x}{green:02x}{blue:02x}"
