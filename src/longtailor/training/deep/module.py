"""What Lightning trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from longtailor.errors import LongtailorError
from longtailor.objectives import AnyObjective
from longtailor.objectives.reduction import MEAN
from longtailor.training.deep.budget import Plan
from longtailor.training.deep.data import Batch
from longtailor.training.deep.network import TrainedNetwork
from longtailor.training.deep.optimizer import build_optimizer
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.quiet import hush
from longtailor.training.deep.schedule import rate_factor

SHOWN = 10
"""At most so many products are named in an error."""


class FineTuned(pl.LightningModule):
    """A network, the objective that it is trained with, and how.

    Parameters
    ----------
    network : TrainedNetwork
    objective : Objective or ObjectiveByAttribute
    options : FineTuning
    plan : Plan
        What the learning rate goes by.
    names : sequence of str
        The training products, for errors.
    seed : int
    """

    def __init__(
        self,
        network: TrainedNetwork,
        objective: AnyObjective,
        options: FineTuning,
        plan: Plan,
        names: Sequence[str],
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.options = options
        self.plan = plan
        self.names = names
        self.seed = seed
        self.validated: list[tuple[Tensor, Tensor]] = []
        self._terms: Tensor | None = None

    def setup(self, stage: str) -> None:
        """Be quiet in processes that Lightning has started, too."""
        hush()

    def on_train_start(self) -> None:
        """Lay what the optimizer restored out in memory as the weights are.

        A fused optimizer takes that for granted.
        """
        for optimizer in self.trainer.optimizers:
            for weight, state in optimizer.state.items():
                for name, value in state.items():
                    if isinstance(value, Tensor) and value.shape == weight.shape:
                        state[name] = torch.empty_like(weight).copy_(value)

    def on_train_epoch_start(self) -> None:
        """Tell the objective, for what starts at a given epoch."""
        self.objective.set_epoch(self.current_epoch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make what is random in the network depend on the step alone, so that it can go on."""
        number = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        torch.manual_seed((self.seed * 1_000_003 + number) * 1_000_003 + self.global_rank)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Give the loss of the batch of all processes together.

        Its gradient by this process's logits is as many times too large as there are processes,
        and Lightning's averaging of the gradients of the weights makes up for that.

        Returns
        -------
        dict
            `mean`: the loss; `loss`: what is to be minimised, which is the same but where batches
            are accumulated: see `on_before_optimizer_step`.
        """
        inputs, targets, products = batch
        frozen = self.current_epoch < self.options.freeze_until
        with torch.set_grad_enabled(not frozen):
            embeddings = self.network.embed(inputs)
        logits = self.network.classify(embeddings)
        if self.trainer.world_size > 1:
            logits, targets = self.gathered(logits, sync_grads=True), self.gathered(targets)
        mean, terms = self.objective.with_terms(logits, targets)
        if not torch.isfinite(mean):
            self._refuse(products)
        loss = mean
        if self._weighs_batches:
            # As a share, so that what is scaled for half precision stays about as large.
            share = terms / logits.numel()
            loss = mean * share
            self._terms = share if self._terms is None else self._terms + share
        return {"loss": loss, "mean": mean.detach()}

    @property
    def _weighs_batches(self) -> bool:
        return self.options.accumulate > 1 and self.objective.settings["reduction"] == MEAN

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Make the gradient of accumulated batches that of all of them as one.

        Lightning divides each batch's loss by how many there are, whatever is known in each, and
        in the last step of an epoch whether there are so many or not. Here each counts by its
        known cells, and the sum is divided by all of them. A sum over cells is a sum over all.
        """
        if self.options.accumulate == 1:
            return
        factor: float | Tensor = self.options.accumulate
        if self._terms is not None:
            # Where nothing is known the gradients are 0.
            factor = torch.where(self._terms > 0, factor / self._terms, 0.0)
            self._terms = None
        for parameter in self.network.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(factor)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Keep the logits; they are measured when all are there."""
        inputs, _, products = batch
        self.validated.append((products, self.network(inputs).float()))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Give AdamW, with rates that go by the plan."""
        optimizer = build_optimizer(self.network, self.options)

        def factor(step: int) -> float:
            return rate_factor(self.plan.progress(step), self.options.schedule)

        scheduler = LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def gathered(self, rows: Tensor, *, sync_grads: bool = False) -> Tensor:
        """Give the rows of all processes, each having equally many."""
        gathered = self.all_gather(rows, sync_grads=sync_grads)
        assert isinstance(gathered, Tensor)
        return gathered.flatten(0, 1)

    def _refuse(self, products: Tensor) -> None:
        if self.trainer.world_size > 1:
            products = self.gathered(products)
        names = [self.names[at] for at in products.tolist()]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise LongtailorError(
            f"the loss is no longer a finite number in step {self.trainer.global_step + 1}: look "
            f"at the products {', '.join(names[:SHOWN])}{more}, or lower the learning rate"
        )
