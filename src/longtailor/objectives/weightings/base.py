"""What a weighting is: label statistics -> a weight for positives and one for negatives."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from longtailor.objectives.losses.base import BALANCING, LABEL
from longtailor.objectives.parameters import Parameter


class Weighting(nn.Module):
    """How much a cell counts.

    Attributes
    ----------
    name, title, formula, source : str
        For people.
    accepts : tuple of Parameter
    readings : tuple of str
        What it can mean: `balancing` (a label's positives against its negatives), `label` (one
        label against another), `cell` (its own weight for each cell).
    needs_statistics : bool
    """

    name: ClassVar[str]
    title: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str]
    accepts: ClassVar[tuple[Parameter, ...]] = ()
    readings: ClassVar[tuple[str, ...]] = (BALANCING, LABEL)
    needs_statistics: ClassVar[bool] = True

    def __init__(self, reading: str | None, **settings: Any) -> None:
        super().__init__()
        self.reading = reading
        for name, value in settings.items():
            setattr(self, name, value)

    def weights(self, positives: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Give the weight of a label's positives and of its negatives.

        Parameters
        ----------
        positives, known : Tensor of float64, shape (labels,)

        Returns
        -------
        tuple of Tensor of float64, shape (labels,)
            Finite and positive. Unless a docstring says otherwise the known cells of the
            catalogue weigh 1 on average, so that the learning rate keeps its meaning.
        """
        if self.reading == LABEL:
            weight = self.label(positives, known)
            return weight, weight
        return self.balancing(positives, known)

    def balancing(self, positives: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh a label's positives against its negatives, n+ w+ + n- w- = n+ + n-.

        A label without a positive, or without a negative, has nothing to balance: both weigh 1.
        """
        negatives = known - positives
        one_sided = (positives == 0) | (negatives == 0)
        positive = self.rarity(positives.clamp(min=1), known.clamp(min=1))
        negative = self.rarity(negatives.clamp(min=1), known.clamp(min=1))
        scale = known / (positives * positive + negatives * negative)
        return (
            torch.where(one_sided, 1.0, scale * positive),
            torch.where(one_sided, 1.0, scale * negative),
        )

    def label(self, positives: Tensor, known: Tensor) -> Tensor:
        """Weigh one label against another, so that the known cells weigh 1 on average.

        With as many known cells in each label this is the usual sum of weights = labels. A label
        without a positive weighs as much as one with a single positive.
        """
        weight = self.rarity(positives.clamp(min=1), known.clamp(min=1))
        mass = (known * weight).sum()
        return weight * (known.sum() / mass) if mass > 0 else torch.ones_like(weight)

    def rarity(self, count: Tensor, known: Tensor) -> Tensor:
        """Give the weight, up to a scale, of what was seen `count` times in `known` products."""
        raise NotImplementedError


class CellWeighting(Weighting):
    """A weight of its own for each cell of a batch, whatever the loss."""

    readings = ("cell",)

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Take the counts of positive and known products, float64 of shape (labels,)."""
        raise NotImplementedError

    def cells(self, targets: Tensor) -> Tensor:
        """Give the weight of each cell of targets of shape (batch, labels), -1 unknown."""
        raise NotImplementedError
