from __future__ import annotations

import math

import pytest


@pytest.mark.parametrize(("lamb", "margin", "gamma"), [(1.5, 1, 2), (2, 0, 1)])
def test_matches_the_paper(matches, lamb, margin, gamma):
    def naive(z: float, positive: bool, label: int) -> float:
        if positive:
            p = 1 / (1 + math.exp(-(z - margin)))
            return -((1 - p) ** gamma) * math.log(p)
        p = 1 / (1 + math.exp(-z))
        return (lamb - p) * p**2

    matches("hill", naive, lamb=lamb, margin=margin, gamma=gamma)
