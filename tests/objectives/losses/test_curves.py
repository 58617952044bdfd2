from __future__ import annotations

import pytest
import torch

from longtailor.objectives import build, kernel, names
from longtailor.objectives.family import parts
from longtailor.objectives.losses import curves

LOGITS = torch.tensor([-1e4, -100, -30, -5, -0.1, 0, 0.1, 5, 15, 30, 100, 1e4])


@pytest.fixture(params=[False, True], ids=["eager", "compiled"])
def compiling(request, monkeypatch):
    """Take the branch for eager execution, then the one for a compiler, both in the open."""
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: request.param)


@pytest.mark.parametrize("positive", [False, True])
def test_error(compiling, positive):
    exact = (-LOGITS if positive else LOGITS).double()
    mistake, entropy = curves.error(LOGITS, positive=positive)
    torch.testing.assert_close(mistake.double(), exact.sigmoid(), rtol=1e-5, atol=1e-38)
    expected = -torch.nn.functional.logsigmoid(-exact)
    torch.testing.assert_close(entropy.double(), expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(curves.sigmoid(LOGITS, positive=positive), mistake)


def test_log1p(compiling):
    values = torch.tensor([-0.95, -0.5, -1e-9, 0, 1e-9, 1, 1e4])
    torch.testing.assert_close(curves.log1p(values), values.log1p(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("exponent", [0.5, 1, 2, 3, 4])
def test_power(exponent):
    base = torch.rand(9)
    torch.testing.assert_close(curves.power(base.clone(), exponent), base**exponent)


ELEMENTWISE = [name for name in names() if parts(name)[0].elementwise]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_curve_is_exact_far_out(compiling, name):
    objective = build(name, positives=[5], known=[100])
    objective.set_epoch(1)
    logits = LOGITS[:, None]
    for target in (0.0, 1.0):
        targets = torch.full_like(logits, target)
        loss, slope, _ = kernel.dense(objective, logits, targets)
        expected, expected_slope, _ = kernel.dense(objective, logits.double(), targets.double())
        torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(slope.double(), expected_slope, rtol=1e-5, atol=1e-6)
