from __future__ import annotations

import lightning.pytorch as pl
import numpy as np
import pytest
import torch

from longtailor.training.deep import module as deep
from longtailor.training.deep.budget import Plan
from longtailor.training.deep.data import TrainingData
from longtailor.training.deep.module import FineTuned
from longtailor.training.deep.sampling import Order


@pytest.mark.parametrize("accumulate", [5, 8])
@pytest.mark.parametrize(
    "objective", ["effective_number:beta=0.9", "asl:reduction=sum", "zlpr", "none"]
)
def test_accumulated_batches_have_the_gradient_of_one(
    make_text_task, tiny, tmp_path, monkeypatch, objective, accumulate
):
    # 5 batches an epoch: as many as are waited for, and fewer.
    task = make_text_task(objective)
    order = Order(np.ones(44), 8, 0, task.learned.lengths)
    shown = order.epoch(0).ravel().tolist()
    network = task.network.train()
    inputs, targets, _ = task.learned.training(0).batch(shown)
    known = (targets.view(5, -1) >= 0).sum(dim=1)
    assert len(known.unique()) > 2
    learning = [tensor for tensor in network.parameters() if tensor.requires_grad]
    wanted = torch.autograd.grad(task.objective(network(inputs), targets), learning)
    before = [tensor.detach().clone() for tensor in learning]

    # The first step is taken at a twenty-fifth of the rate.
    monkeypatch.setattr(
        deep, "build_optimizer", lambda network, options: torch.optim.SGD(learning, lr=25.0)
    )
    options = tiny(accumulate=accumulate)
    trained = FineTuned(network, task.objective, options, Plan(100), task.names, 0).train()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        accumulate_grad_batches=accumulate,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(trained, datamodule=TrainingData(task.learned, order))
    assert trainer.global_step == 1
    for was, now, gradient in zip(before, learning, wanted, strict=True):
        torch.testing.assert_close(was - now, gradient, rtol=1e-3, atol=2e-6)
