"""Validation figures as they come, the best weights, and the learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from scipy.special import expit

from longtailor.classifiers import compete
from longtailor.evaluation.metrics import evaluate
from longtailor.files import replacing, write_json
from longtailor.labels import LabelMatrix
from longtailor.training.deep.budget import Budget
from longtailor.training.deep.module import FineTuned

ENCODER, CLASSIFIER = "encoder.", "classifier."
FIGURES = (
    "map",
    "map_head",
    "map_medium",
    "map_tail",
    "map_micro",
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
)
LOSS_EVERY = 10
"""Steps between two points of the curve of the training loss."""

Row = dict[str, float | int | None]


@dataclass(frozen=True, eq=False)
class Validation:
    """What validation is measured on.

    Attributes
    ----------
    matrix : ndarray of int8, shape (products, labels)
    bands : ndarray of str, shape (labels,)
    competing : list of list of int
        See `longtailor.classifiers.compete`.
    """

    matrix: LabelMatrix
    bands: npt.NDArray[np.str_]
    competing: Sequence[Sequence[int]]

    def figures(self, logits: torch.Tensor) -> dict[str, float | None]:
        """Measure logits (products, labels)."""
        summary = evaluate(
            expit(compete(logits.double(), self.competing).numpy()),
            self.matrix,
            np.full(len(self.bands), 0.5),
            self.bands,
            resamples=2,
        ).summary
        return {name: summary[name] for name in FIGURES}


class Measure(pl.Callback):
    """Measures each epoch over all validation products, once, and keeps the best weights.

    Put it before the callback that averages the weights, which puts the average in their place
    for the validation.

    Parameters
    ----------
    validation : Validation
    monitor : str
        What decides which weights are the best.
    budget : Budget
    best, result : Path
        The safetensors file of the best weights, and the JSON file of what the training came to,
        which is written when it has ended.
    """

    def __init__(
        self, validation: Validation, monitor: str, budget: Budget, best: Path, result: Path
    ) -> None:
        self.validation = validation
        self.monitor = monitor
        self.budget = budget
        self.best = best
        self.result = result
        self.rows: list[Row] = []
        self.losses: list[tuple[int, float]] = []
        self.best_score = -math.inf
        self.best_epoch: int | None = None
        self._sum = 0.0
        self._count = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep the loss."""
        self._sum += float(outputs["mean"])
        self._count += 1
        if self._count == LOSS_EVERY:
            self._keep_loss(trainer)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure, and keep the weights if none were better."""
        assert isinstance(pl_module, FineTuned)
        logits = _collect(pl_module, len(self.validation.matrix))
        figures = self.validation.figures(logits)
        for name, value in figures.items():
            pl_module.log(f"val_{name}", math.nan if value is None else value, rank_zero_only=False)
        if self._count:
            self._keep_loss(trainer)
        row: Row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            "seconds": round(self.budget.elapsed, 1),
            "loss": self.losses[-1][1] if self.losses else None,
            **figures,
        }
        self.rows.append(row)
        score = figures[self.monitor]
        if self.best_epoch is None or (score is not None and score > self.best_score):
            self.best_score = -math.inf if score is None else score
            self.best_epoch = trainer.current_epoch + 1
            if trainer.is_global_zero:
                save_weights(self.best, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what the training came to."""
        if trainer.is_global_zero:
            write_json(
                self.result,
                {
                    "epochs": self.rows,
                    "losses": self.losses,
                    "best_epoch": self.best_epoch,
                    "steps": trainer.global_step,
                    "steps_asked": self.budget.most,
                    "step_seconds": self.budget.step_seconds,
                    "waiting_share": self.budget.waiting_share,
                    "training_seconds": self.budget.elapsed,
                },
            )

    def _keep_loss(self, trainer: pl.Trainer) -> None:
        self.losses.append((trainer.global_step, self._sum / self._count))
        self._sum, self._count = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        """Give the curves, so that they go on."""
        return {
            "rows": self.rows,
            "losses": self.losses,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "sum": self._sum,
            "count": self._count,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the curves."""
        self.rows = list(state["rows"])
        self.losses = list(state["losses"])
        self.best_score = state["best_score"]
        self.best_epoch = state["best_epoch"]
        self._sum, self._count = state["sum"], state["count"]


def save_weights(file: Path, module: FineTuned) -> None:
    """Write the weights of encoder and classifier, under the names that the encoder has for its."""
    network = module.network
    tensors = {
        f"{ENCODER}{name}": tensor for name, tensor in network.original[0].state_dict().items()
    } | {f"{CLASSIFIER}{name}": tensor for name, tensor in network.classifier.state_dict().items()}
    with replacing(file) as temporary:
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            temporary,
        )


def _collect(module: FineTuned, products: int) -> torch.Tensor:
    """Give the logits of all products in order, whichever process made them."""
    labels = module.network.classifier.labels
    rows = [torch.cat(kind) for kind in zip(*module.validated, strict=True)]
    module.validated = []
    at = rows[0] if rows else torch.empty(0, dtype=torch.long, device=module.device)
    logits = rows[1] if rows else torch.empty(0, labels, device=module.device)
    if module.trainer.world_size > 1:
        # Processes have equally many rows or one less; a gathering needs equally many.
        longest = -(-products // module.trainer.world_size)
        missing = longest - len(at)
        at = module.gathered(_padded(at, missing, -1))
        logits = module.gathered(_padded(logits, missing, 0.0))
    at, logits = at.cpu(), logits.cpu()
    there = at >= 0
    result = torch.full((products, labels), math.nan)
    result[at[there]] = logits[there]
    return result


def _padded(rows: torch.Tensor, more: int, value: float) -> torch.Tensor:
    return torch.cat([rows, rows.new_full((more, *rows.shape[1:]), value)])
