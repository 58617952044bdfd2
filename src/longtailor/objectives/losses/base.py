"""What a loss is: two curves of a logit, or terms over a set of logits."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from longtailor.objectives.parameters import Parameter

Curve = tuple[Tensor, Tensor]
"""A loss and its derivative by the logit, new tensors of the shape of the logits."""

BALANCING, LABEL, CELL = "balancing", "label", "cell"


class Loss(nn.Module):
    """What an objective minimises, before weighting, masking and reduction.

    Attributes
    ----------
    name, title, formula, source : str
        For people.
    accepts : tuple of Parameter
    needs_statistics : bool
        Whether it cannot be built without label statistics.
    elementwise : bool
        Whether each cell has a loss of its own.
    weightable : tuple of str
        The kinds of weights it takes: `balancing`, `label`, `cell`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    accepts: ClassVar[tuple[Parameter, ...]] = ()
    needs_statistics: ClassVar[bool] = False
    elementwise: ClassVar[bool]
    weightable: ClassVar[tuple[str, ...]]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        for name, value in settings.items():
            setattr(self, name, value)

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Take the counts of positive and known products, float64 of shape (labels,)."""

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that begins, from 0."""

    def logit_shift(self) -> Tensor | None:
        """Give what the loss adds to a label's optimal logit, shape (labels,) or ().

        None where the optimum is not the true log-odds plus a constant.
        """
        return None


class ElementwiseLoss(Loss):
    """A loss of each cell alone, given by its curves for a positive and for a negative.

    A soft target y in [0, 1] has the expected loss, `y * positive + (1 - y) * negative`. The
    curves come with their derivatives in closed form: autograd would keep half a dozen buffers of
    the size of the batch for what one can hold.

    Attributes
    ----------
    positive_shift, negative_shift : Tensor of shape (labels,) or None
        Added to the logits before the curve of a positive, of a negative, is taken.
    invertible : bool
        Whether the optimal logit tells the probability (its curves' slopes have one sign each and
        a ratio that only grows).
    """

    elementwise = True
    weightable = (BALANCING, LABEL, CELL)
    invertible: ClassVar[bool] = True
    positive_shift: Tensor | None
    negative_shift: Tensor | None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register_buffer("positive_shift", None, persistent=False)
        self.register_buffer("negative_shift", None, persistent=False)

    @abstractmethod
    def positive(self, logits: Tensor) -> Curve:
        """Give the loss of positives at the (shifted) logits, and its derivative."""

    @abstractmethod
    def negative(self, logits: Tensor) -> Curve:
        """Give the loss of negatives at the (shifted) logits, and its derivative."""


Terms = tuple[Tensor, Tensor]
"""Losses of rows, of labels or of rows and attributes; and which of them there are (bool)."""


class SetLoss(Loss):
    """A loss of several cells together."""

    elementwise = False
    weightable: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def terms(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> list[Terms]:
        """Give the kinds of terms of a batch; each kind is averaged by itself.

        Parameters
        ----------
        logits, targets : Tensor, shape (batch, labels)
            Targets are -1 where unknown.
        weight : Tensor of shape (labels,) or None
            How much each label counts, for a loss that takes weights.
        """


def log_prior_odds(positives: Tensor, known: Tensor) -> Tensor:
    """Give log(n+ / n-); half a count is added to both where one of them is none."""
    negatives = known - positives
    add = 0.5 * ((positives == 0) | (negatives == 0))
    return torch.log((positives + add) / (negatives + add))
