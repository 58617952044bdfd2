"""How many steps are taken: as many as were asked for, or as fit into a time."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import lightning.pytorch as pl
import torch

from longtailor.training.deep.network import TrainedNetwork

Clock = time.monotonic

WARM_UP = 3
"""Steps that are slower than those to come, and not measured."""
MEASURED = 8
"""Steps that the first plan goes by."""
SAFETY = 1.05
"""Steps to come may take so much longer than those measured."""


@dataclass
class Plan:
    """How long the training is, and where it was when that was last changed.

    The learning rate goes by `progress`: when the plan changes, it goes on from where it is, and
    comes to its end with the last step all the same.
    """

    steps: int
    from_step: int = 0
    from_progress: float = 0.0

    def progress(self, step: int) -> float:
        """Give how much is done after so many steps, from 0 to 1."""
        left = self.steps - self.from_step
        way = 1.0 if left <= 0 else min((step - self.from_step) / left, 1.0)
        return self.from_progress + (1 - self.from_progress) * way

    def change(self, steps: int, at: int) -> None:
        """Take another number of steps, at a step."""
        if steps != self.steps:
            self.from_progress = self.progress(at)
            self.from_step = at
            self.steps = steps


def affordable_steps(
    done: int,
    epoch: int,
    most: int,
    left: float,
    step: float,
    validation: float,
) -> int:
    """Give how many steps there can be in all.

    Whole epochs where one or more fit, else as many steps as fit.

    Parameters
    ----------
    done : int
        Steps that are done.
    epoch : int
        Steps in an epoch.
    most : int
        Steps that were asked for.
    left : float
        Seconds left for training and validation.
    step, validation : float
        Seconds that a step and a validation take.
    """
    total = most
    while total > done:
        validations = -(-total // epoch) - done // epoch
        if (total - done) * step + validations * validation <= left:
            return total
        total = (total - 1) // epoch * epoch
    # Not even the epoch that has begun can be finished.
    fit = int((left - validation) / step) if step > 0 else 0
    return max(done + max(fit, 0), 1) if done < most else done


class Budget(pl.Callback):
    """Plans the steps, measures them, and ends the training in time.

    Parameters
    ----------
    plan : Plan
        Shared with the schedule of the learning rate.
    seconds : float or None
        Time for training and evaluation together, from `begun` on.
    begun : float
        When the time began, by `time.monotonic`.
    products_after : int
        Products that the network looks at after the training.
    products_val : int
        Products that it looks at in a validation.
    fixed : float
        Seconds that everything else after the training takes.
    """

    def __init__(
        self,
        plan: Plan,
        seconds: float | None,
        begun: float,
        products_after: int,
        products_val: int,
        fixed: float = 20.0,
    ) -> None:
        self.plan = plan
        self.seconds = seconds
        self.begun = begun
        self.products_after = products_after
        self.products_val = products_val
        self.fixed = fixed
        self.most = plan.steps
        self.earlier = 0.0
        self.seen = 0
        self.training_seconds = 0.0
        self.waiting_seconds = 0.0
        self.step_seconds = 0.0
        self.validation_seconds: float | None = None
        self.validation_estimate = 0.0
        self._batch_began = 0.0
        self._batch_ended: float | None = None
        self._validation_began = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the time began, those of an interrupted training included."""
        return self.earlier + Clock() - self.begun

    @property
    def waiting_share(self) -> float:
        """Share of the training time that passed between steps, waiting for data."""
        total = self.training_seconds + self.waiting_seconds
        return self.waiting_seconds / total if total else 0.0

    def time_left(self, step: int) -> float | None:
        """Give the seconds that the planned steps and all that follows will take."""
        if self.seen <= WARM_UP:
            return None
        return (self.plan.steps - step) * self.step_seconds + self._after()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to measure."""
        self._batch_began = Clock()
        if self._batch_ended is not None and self.seen > WARM_UP:
            self.waiting_seconds += self._batch_began - self._batch_ended

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Measure a step, plan, and stop where the plan ends."""
        now = Clock()
        whole = now - (self._batch_ended or self._batch_began)
        self.seen += 1
        if self.seen > WARM_UP:
            self.training_seconds += now - self._batch_began
            # A moving mean, so that a machine that slows down is noticed.
            share = max(1 / (self.seen - WARM_UP), 0.05)
            self.step_seconds += share * (whole - self.step_seconds)
        self._batch_ended = now
        if self.seconds is not None and self.seen >= WARM_UP + MEASURED and self.seen % 4 == 0:
            self._replan(trainer)
        if trainer.global_step >= self.plan.steps:
            trainer.should_stop = True

    def _replan(self, trainer: pl.Trainer) -> None:
        assert self.seconds is not None
        done = trainer.global_step
        accumulate = trainer.accumulate_grad_batches
        epoch = -(-int(trainer.num_training_batches) // accumulate)
        steps = trainer.strategy.broadcast(
            affordable_steps(
                done,
                epoch,
                self.most,
                self.seconds - self.elapsed - self._after(),
                self.step_seconds * accumulate * SAFETY,
                self._validation(),
            )
        )
        # Once the rate falls, a plan can only be shortened: what it has come down to stays.
        if steps < self.plan.steps or done < epoch:
            self.plan.change(steps, done)

    def _validation(self) -> float:
        if self.validation_seconds is not None:
            return self.validation_seconds
        return self.validation_estimate

    def _after(self) -> float:
        product = self._validation() / self.products_val if self.products_val else 0.0
        return self.fixed + self.products_after * product

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Estimate what looking at products takes, where there is a time to keep to."""
        if self.seconds is not None:
            self.validation_estimate = _estimate_validation(trainer, pl_module)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to measure."""
        self._validation_began = Clock()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure a validation."""
        self.validation_seconds = Clock() - self._validation_began
        self._batch_ended = None

    def state_dict(self) -> dict[str, Any]:
        """Give what the plan goes by."""
        return {
            "plan": asdict(self.plan),
            "most": self.most,
            "elapsed": self.elapsed,
            "seen": self.seen,
            "step_seconds": self.step_seconds,
            "validation_seconds": self.validation_seconds,
            "training_seconds": self.training_seconds,
            "waiting_seconds": self.waiting_seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the plan."""
        for name, value in state["plan"].items():
            setattr(self.plan, name, value)
        self.earlier = state["elapsed"]
        for name in ("most", "seen", "step_seconds", "validation_seconds"):
            setattr(self, name, state[name])
        self.training_seconds = state["training_seconds"]
        self.waiting_seconds = state["waiting_seconds"]


def _estimate_validation(trainer: pl.Trainer, module: pl.LightningModule) -> float:
    """Give the seconds of a validation, from looking at its first batch twice."""
    loader = trainer.datamodule.val_dataloader()  # type: ignore[attr-defined]
    batch = next(iter(loader), None)
    if batch is None:
        return 0.0
    inputs, _, _ = module.transfer_batch_to_device(batch, module.device, 0)
    network, taken = module.network, []
    assert isinstance(network, TrainedNetwork)
    network.eval()
    with torch.no_grad():
        for _ in range(2):
            start = Clock()
            network(inputs)
            taken.append(Clock() - start)
    network.train()
    return min(taken) * len(loader)
