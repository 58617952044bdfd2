"""Checkpoints that run no code: tensors as safetensors, all else as JSON in the same file.

A checkpoint is a file that is whole or not there. Nothing in it is executed when it is read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.fabric.plugins.io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from longtailor.errors import LongtailorError
from longtailor.files import replacing

STATE = "state"
TENSOR, KEYS, TUPLE = "__tensor__", "__keys__", "__tuple__"


class SafetensorsIO(CheckpointIO):
    """Lightning's hook for how checkpoints are written and read."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint, whole or not at all.

        Raises
        ------
        TypeError
            If something in it is neither a tensor nor what JSON can hold.
        LongtailorError
            If the file cannot be written.
        """
        tensors: dict[str, torch.Tensor] = {}
        state = json.dumps(_describe(checkpoint, tensors))
        with replacing(Path(path)) as temporary:
            save_file(tensors, temporary, metadata={STATE: state})

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint.

        Raises
        ------
        LongtailorError
            If it is damaged.
        """
        try:
            with safe_open(path, framework="pt") as file:
                described = json.loads((file.metadata() or {})[STATE])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            restored: dict[str, Any] = _restore(described, tensors)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise LongtailorError(
                f"{path} is no checkpoint, or a damaged one ({error}): remove it and begin again"
            ) from error
        return restored

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


def _describe(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Give a value as JSON can hold it, its tensors put aside under a number."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        # Clones, because safetensors refuses tensors that share memory.
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {TENSOR: name}
    if isinstance(value, Mapping):
        keys, values = list(value), [_describe(item, tensors) for item in value.values()]
        if all(isinstance(key, str) for key in keys) and not {TENSOR, KEYS, TUPLE} & set(keys):
            return dict(zip(keys, values, strict=True))
        return {
            KEYS: [[_describe(key, tensors), item] for key, item in zip(keys, values, strict=True)]
        }
    if isinstance(value, tuple):
        return {TUPLE: [_describe(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_describe(item, tensors) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint holds tensors and JSON values, not {type(value).__name__}")


def _restore(described: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(described, list):
        return [_restore(item, tensors) for item in described]
    if not isinstance(described, dict):
        return described
    if TENSOR in described:
        return tensors[described[TENSOR]]
    if TUPLE in described:
        return tuple(_restore(item, tensors) for item in described[TUPLE])
    if KEYS in described:
        return {_restore(key, tensors): _restore(item, tensors) for key, item in described[KEYS]}
    return {key: _restore(item, tensors) for key, item in described.items()}


class KeepLast(pl.Callback):
    """Keeps the state after each validation, and every so often in between.

    Put it last: what other callbacks have done by then is in their state.

    Parameters
    ----------
    file : Path
    seconds : float
        At least so long between two checkpoints within an epoch.
    """

    def __init__(self, file: Path, seconds: float) -> None:
        self.file = file
        self.seconds = seconds
        self._saved = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save, if it is time and the epoch goes on."""
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            # Gradients that wait for other batches are in no checkpoint.
            return
        due = trainer.strategy.broadcast(time.monotonic() - self._saved >= self.seconds)
        if due and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self._save(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.file)
        self._saved = time.monotonic()
