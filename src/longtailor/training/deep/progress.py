"""How far the training is: a bar with the time left, and a line an epoch."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import lightning.pytorch as pl

from longtailor.labels import BANDS
from longtailor.training.deep.budget import Budget
from longtailor.training.deep.measure import Measure, Row


class Progress(pl.Callback):
    """Shows epoch, step and time left on a terminal, and the validation figures as they come.

    Parameters
    ----------
    budget : Budget
        Knows the planned steps and the time.
    measure : Measure
        Has the figures.
    """

    def __init__(self, budget: Budget, measure: Measure) -> None:
        self.budget = budget
        self.measure = measure
        self._bar: Any = None
        self._task: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar, on a terminal."""
        if trainer.is_global_zero and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("Fine-tuning", total=self.budget.plan.steps, left="")
            self._bar.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move on."""
        if self._bar is None:
            return
        left = self.budget.time_left(trainer.global_step)
        self._bar.update(
            self._task,
            description=f"Fine-tuning, epoch {trainer.current_epoch + 1}",
            completed=trainer.global_step,
            total=self.budget.plan.steps,
            left="" if left is None else f"{_clock(left)} left",
        )

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the figures of the epoch."""
        if trainer.is_global_zero and self.measure.rows:
            print(epoch_line(self.measure.rows[-1]), file=sys.stderr, flush=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the bar away."""
        if self._bar is not None:
            with contextlib.suppress(Exception):
                self._bar.stop()
            self._bar = None


def epoch_line(row: Row) -> str:
    """Give the figures of an epoch as a line."""
    parts = [f"epoch {row['epoch']}"]
    if row["loss"] is not None:
        parts.append(f"loss {row['loss']:.4f}")
    parts += [
        f"val {name} {row[name]:.3f}"
        for name in ("map", *(f"map_{band}" for band in BANDS), "f1_macro_at_half")
        if row[name] is not None
    ]
    parts.append(_clock(float(row["seconds"] or 0)))
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
