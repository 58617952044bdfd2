from __future__ import annotations

import math

import pytest


@pytest.mark.parametrize(
    ("neg_scale", "init_bias", "gamma"), [(2, 0.05, 2), (5, 0.05, 0), (1, 0, 1), (2, 1, 0)]
)
def test_matches_the_paper(matches, counts, neg_scale, init_bias, gamma):
    positives, known = counts

    def naive(z: float, positive: bool, label: int) -> float:
        bias = -math.log(known[label] / positives[label] - 1) * init_bias / neg_scale
        x = z + bias
        if positive:
            loss, mistake = math.log1p(math.exp(-x)), 1 / (1 + math.exp(x))
        else:
            scaled = neg_scale * x
            loss = math.log1p(math.exp(scaled)) / neg_scale
            mistake = 1 / (1 + math.exp(-scaled))
        return loss * (2 * mistake**gamma if gamma else 1)

    matches("ntr", naive, neg_scale=neg_scale, init_bias=init_bias, gamma=gamma)
