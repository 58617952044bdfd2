from __future__ import annotations

import math

import pytest


@pytest.mark.parametrize(("max_margin", "scale"), [(0.5, 1), (1.0, 3)])
def test_matches_the_paper(matches, counts, max_margin, scale):
    positives, _ = counts
    unscaled = [count ** (-1 / 4) for count in positives]

    def naive(z: float, positive: bool, label: int) -> float:
        margin = unscaled[label] * max_margin / max(unscaled)
        x = scale * (z - margin) if positive else -scale * z
        return math.log1p(math.exp(-x))

    matches("ldam", naive, max_margin=max_margin, scale=scale)
