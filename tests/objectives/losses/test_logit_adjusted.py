from __future__ import annotations

import math

import pytest
import torch

from longtailor.objectives import build


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_matches_the_paper(matches, counts, tau):
    positives, known = counts

    def naive(z: float, positive: bool, label: int) -> float:
        prior = positives[label] / known[label]
        p = 1 / (1 + math.exp(-(z + tau * math.log(prior / (1 - prior)))))
        return -math.log(p) if positive else -math.log(1 - p)

    matches("logit_adjusted", naive, tau=tau)


def test_a_label_without_a_positive_has_a_finite_prior():
    objective = build("logit_adjusted", positives=[0, 10, 0], known=[10, 10, 0])
    shift = objective.loss.positive_shift
    torch.testing.assert_close(shift, torch.tensor([1 / 21, 21.0, 1.0]).log())
