from __future__ import annotations

import torch

from longtailor.objectives import build

COUNTS = {"positives": [1, 30, 1, 1], "known": [100, 100, 100, 100]}
NAN = torch.nan


def cells(**parameters):
    logits = torch.tensor([[3.0, 0.0, 1.0, -2.0], [1.0, 2.0, 3.0, 4.0]])
    targets = torch.tensor([[-1, -1, NAN, -1], [1, 0, 0, -1]])
    return build("none", **COUNTS, **parameters).unreduced(logits, targets), logits


def test_ignore_is_the_default():
    loss, _ = cells()
    assert (loss[0] == 0).all()
    assert loss[1, 3] == 0
    assert (loss[1, :3] > 0).all()


def test_assume_negative():
    loss, logits = cells(unknown="assume_negative")
    torch.testing.assert_close(loss[0], torch.nn.functional.softplus(logits[0]))


def test_selective_keeps_the_likeliest_and_the_frequent_unknown():
    loss, logits = cells(unknown="selective", topk=1, prior_threshold=0.2)
    negative = torch.nn.functional.softplus(logits)
    assert loss[0, 0] == 0, "the highest logit of the row"
    assert loss[0, 1] == 0, "a label with 30 % positives"
    torch.testing.assert_close(loss[0, 2:], negative[0, 2:])
    assert loss[1, 3] == 0, "the only unknown cell is the highest"
    torch.testing.assert_close(loss[1, 1:3], negative[1, 1:3])


def test_the_mean_counts_the_cells_that_take_part():
    logits = torch.zeros(1, 4)
    targets = torch.tensor([[1, -1, -1, -1]])
    for unknown in ("ignore", "assume_negative", "selective"):
        objective = build("none", unknown=unknown, **COUNTS)
        torch.testing.assert_close(objective(logits, targets), torch.tensor(2.0).log())


def test_selective_compiles_to_the_same():
    torch.manual_seed(0)
    objective = build("none", unknown="selective", topk=2, **COUNTS)
    logits, targets = torch.randn(16, 4), torch.randint(-1, 2, (16, 4))
    compiled = torch.compile(objective, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, targets), objective(logits, targets))
