from __future__ import annotations

from itertools import accumulate

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from longtailor.errors import UsageError
from longtailor.objectives import blocks, build, kernel


def batch(rows: int, labels: int, share: float):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn((rows, labels), generator=generator, dtype=torch.float64)
    targets = (torch.rand((rows, labels), generator=generator) < share).double()
    targets[rows // 2 :, : labels // 2] = -1
    return logits, targets


@pytest.mark.parametrize("share", [0.01, 0.9])
@pytest.mark.parametrize("block", [1, 7, 64, 1 << 17])
@pytest.mark.parametrize("name", ["asl+effective_number", "db", "none:unknown=selective"])
def test_blocks_do_not_show(name, block, share, monkeypatch):
    logits, targets = batch(23, 9, share)
    objective = build(name, positives=[5] * 9, known=[50] * 9)
    loss, slope, known = kernel.dense(objective, logits, targets)
    monkeypatch.setattr(blocks, "CELLS", block)
    found, slopes = objective.unreduced_with_slopes(logits, targets)
    torch.testing.assert_close(found, loss)
    torch.testing.assert_close(slopes, slope)
    total, count = kernel.BlockedSum.apply(logits, targets, objective)
    torch.testing.assert_close(total, loss.sum())
    assert count == known.sum()


def test_a_step_holds_one_gradient_and_a_block(monkeypatch):
    monkeypatch.setattr(blocks, "CELLS", 1 << 14)
    logits, targets = torch.randn(1000, 1000, requires_grad=True), torch.zeros(1000, 1000)
    targets[:, ::50] = 1
    for name in ("none", "asl", "focal", "effective_number", "db", "hill"):
        objective = build(name, positives=[20] * 1000, known=[1000] * 1000)
        logits.grad = None
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            objective(logits, targets).backward()
        events = sorted(
            (e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"),
            key=lambda event: event.start_ns(),
        )
        peak = max(accumulate(event.nbytes() for event in events))
        assert 4_000_000 <= peak < 1.25 * 4_000_000, name


def test_changing_logits_before_backward_is_refused():
    logits = torch.randn(4, 3, requires_grad=True)
    moved = logits * 1
    loss = build("asl")(moved, torch.zeros(4, 3))
    moved += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_no_gradient_is_kept_where_none_is_wanted():
    with torch.no_grad():
        assert not build("asl")(torch.randn(4, 3, requires_grad=True), torch.zeros(4, 3)).grad_fn
    assert not build("asl")(torch.randn(4, 3), torch.zeros(4, 3)).requires_grad
    with torch.inference_mode():
        build("asl")(torch.randn(4, 3), torch.zeros(4, 3))


def test_set_losses_have_no_slopes_by_cell():
    with pytest.raises(UsageError, match="no derivative"):
        build("zlpr").unreduced_with_slopes(torch.zeros(1, 2), torch.zeros(1, 2))
