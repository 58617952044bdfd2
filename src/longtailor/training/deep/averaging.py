"""The moving average of the weights, which is what is measured and kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


@dataclass(frozen=True)
class Averaging:
    """An exponential moving average that forgets faster in the beginning.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), as in TensorFlow's
    `ExponentialMovingAverage(num_updates=..)`: a short training's average would otherwise hardly
    leave the start.
    """

    decay: float

    def __call__(self, means: list[Tensor], now: list[Tensor], count: Tensor | int) -> None:
        """Move the averages of all tensors of one kind."""
        steps = float(count)
        share = 1 - min(self.decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(means, now, share)


class MovingAverage(WeightAveraging):
    """Keeps the moving average of the weights beside them.

    Parameters
    ----------
    decay : float
    """

    def __init__(self, decay: float) -> None:
        # Buffers are statistics and counts, which are not to be averaged.
        super().__init__(use_buffers=False, multi_avg_fn=Averaging(decay))
