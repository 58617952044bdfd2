from __future__ import annotations

import multiprocessing
import threading

import pytest
import torch

from longtailor.errors import UsageError
from longtailor.objectives import blocks, build


@pytest.fixture
def threads():
    """Set the number of PyTorch's threads for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def batch(monkeypatch):
    """A batch of many blocks, some of its cells unknown."""
    monkeypatch.setattr(blocks, "CELLS", 64)
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(-1, 2, (50, 20), generator=generator).float()
    return torch.randn((50, 20), generator=generator), targets


def step(name, logits, targets):
    leaf = logits.clone().requires_grad_()
    loss = build(name, positives=[5] * 20, known=[50] * 20)(leaf, targets)
    loss.backward()
    return loss.item(), leaf.grad


@pytest.mark.parametrize("number", [1, 3])
def test_blocks_cover_the_rows_in_order(batch, threads, number):
    threads(number)
    logits, _ = batch
    found = blocks.in_blocks(lambda rows: logits[rows].tolist(), logits)
    assert [row for part in found for row in part] == logits.tolist()
    assert len(found) == 17


@pytest.mark.parametrize("shape", [(0, 20), (50, 0)])
def test_nothing_is_no_block(shape):
    assert blocks.in_blocks(lambda rows: rows, torch.zeros(shape)) == []


@pytest.mark.parametrize("name", ["none", "db", "splc:start=0", "asl+effective_number"])
def test_the_number_of_threads_changes_no_bit(batch, threads, name):
    found = []
    for number in (1, 2, 3, 2):
        threads(number)
        found.append(step(name, *batch))
    for loss, gradient in found[1:]:
        assert loss == found[0][0]
        assert torch.equal(gradient, found[0][1])


def test_the_setting_of_threads_stays(batch, threads):
    threads(3)
    step("asl", *batch)
    seen = []
    new = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    new.start()
    new.join()
    assert torch.get_num_threads() == 3
    assert seen == [3]


def test_the_first_bad_row_is_named_whichever_thread_finds_it(batch, threads):
    threads(3)
    logits, targets = batch
    targets[[7, 30, 49], 4] = 2
    with pytest.raises(UsageError, match="row 7, column 4"):
        step("none", logits, targets)


def _in_child(logits, targets, expected):
    torch.set_num_threads(2)
    raise SystemExit(0 if step("asl", logits, targets)[0] == expected else 1)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own(batch, threads):
    threads(2)
    expected, _ = step("asl", *batch)
    child = multiprocessing.get_context("fork").Process(target=_in_child, args=(*batch, expected))
    child.start()
    child.join(timeout=60)
    alive = child.is_alive()
    child.kill()
    assert not alive
    assert child.exitcode == 0


def test_works_where_the_caller_is_in_inference_mode(batch, threads):
    threads(2)
    logits, targets = batch
    objective = build("asl", positives=[5] * 20, known=[50] * 20)
    expected = objective.unreduced(logits, targets)
    with torch.inference_mode():
        torch.testing.assert_close(objective.unreduced(logits.clone(), targets), expected)


def test_a_gradient_scaled_otherwise_than_expected(batch, threads):
    threads(2)
    logits, targets = batch
    leaf = logits.clone().requires_grad_()
    loss = build("asl")(leaf, targets)
    (once,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    (thrice,) = torch.autograd.grad(3 * loss, leaf)
    torch.testing.assert_close(thrice, 3 * once)
