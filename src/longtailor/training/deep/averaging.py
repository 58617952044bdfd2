"""The moving average of the weights, which is what is measured and kept."""

from __future__ import annotations

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class MovingAverage(WeightAveraging):
    """An exponential moving average that forgets faster in the beginning.

    After n steps the decay is min(decay, (1 + n) / (10 + n)), as in TensorFlow's
    `ExponentialMovingAverage(num_updates=..)`: a short training's average would otherwise hardly
    leave the start.

    Parameters
    ----------
    decay : float
    """

    def __init__(self, decay: float) -> None:
        def average(mean: Tensor, now: Tensor, count: Tensor | int) -> Tensor:
            step = float(count)
            return mean.lerp(now, 1 - min(decay, (1 + step) / (10 + step)))

        # Buffers are statistics and counts, which are not to be averaged.
        super().__init__(use_buffers=False, avg_fn=average)
