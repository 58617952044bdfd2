"""The moving average of the weights, which is what is measured and kept."""

from __future__ import annotations

from dataclasses import dataclass

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

    def __call__(self, mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
        """Give the next average of a tensor."""
        steps = float(count)
        return mean.lerp(now, 1 - min(self.decay, (1 + steps) / (10 + steps)))


class MovingAverage(WeightAveraging):
    """Keeps the moving average of the weights beside them.

    Parameters
    ----------
    decay : float
    """

    def __init__(self, decay: float) -> None:
        # Buffers are statistics and counts, which are not to be averaged.
        super().__init__(use_buffers=False, avg_fn=Averaging(decay))
