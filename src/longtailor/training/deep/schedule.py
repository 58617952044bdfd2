"""How the learning rate goes up and down over a training.

One cycle as in Smith and Topin 2019, Super-convergence, arXiv:1708.07120: up for the first part of
the steps and down to almost nothing for the rest, both along a cosine, without its cycle of the
momentum. `cosine` warms up over the first twentieth and else does the same.
"""

from __future__ import annotations

import math

RISING = {"one-cycle": 0.25, "cosine": 0.05}
"""The share of the steps in which the rate rises."""
FIRST, LAST = 1 / 25, 1e-3
"""Share of the highest rate that the first and the last step are taken with."""


def rate_factor(progress: float, schedule: str) -> float:
    """Give the share of the highest learning rate.

    Parameters
    ----------
    progress : float
        How much of the training is done, from 0 to 1.
    schedule : str
        A key of `RISING`.
    """
    rising = RISING[schedule]
    if progress < rising:
        return _between(FIRST, 1.0, progress / rising)
    return _between(1.0, LAST, min((progress - rising) / (1 - rising), 1.0))


def _between(start: float, end: float, way: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * way)) / 2
