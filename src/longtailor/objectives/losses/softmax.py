"""Softmax cross-entropy within each exclusive attribute.

McFadden 1974, Conditional logit analysis of qualitative choice behavior; logit-adjusted with `tau`
as in Menon et al. 2021, arXiv:2007.07314, equation 10. Where some values are unknown it is the
likelihood given that the value is one of the known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from longtailor.errors import UsageError
from longtailor.objectives.losses.base import LABEL, SetLoss, Terms, log_prior_odds
from longtailor.objectives.parameters import Parameter


class Softmax(SetLoss):
    """Softmax cross-entropy within each attribute of which a product has exactly one value.

    One term a row and attribute, among the known values; none where no value is known to be the
    product's. A label outside the groups is an attribute of its own, with an unseen other value
    at logit 0: binary cross-entropy.

    When to use it: the decision is which value, not whether this value.

    When not: a product can have two values, or none.
    """

    name = "softmax"
    title = "Softmax cross-entropy within an attribute"
    formula = "-log(exp(x_y) / sum over the attribute of exp(x)),  x = z + tau log(n+ / known)"
    source = "McFadden 1974; Menon et al. 2021, arXiv:2007.07314"
    accepts = (Parameter("tau", 0.0, "how much of the prior; 0: none, 1: all", 0, 10),)
    weightable = (LABEL,)
    needs_statistics = True

    tau: float
    group: Tensor
    alone: Tensor
    shift: Tensor | None

    def __init__(self, groups: Sequence[npt.ArrayLike], labels: int, tau: float) -> None:
        """Take the columns of each exclusive attribute, and the number of all labels."""
        super().__init__(tau=tau)
        group = torch.full((labels,), -1)
        for number, columns in enumerate(groups):
            at = torch.from_numpy(np.asarray(columns, dtype=np.int64))
            if len(at) < 2 or int(at.min()) < 0 or int(at.max()) >= labels:
                raise UsageError(
                    f"softmax: group {number} holds {at.tolist()}; a group is two or more columns "
                    f"of 0 to {labels - 1}"
                )
            if (group[at] >= 0).any() or len(set(at.tolist())) < len(at):
                raise UsageError(f"softmax: a column of group {number} is in a group already")
            group[at] = number
        single = group < 0
        group[single] = torch.arange(len(groups), len(groups) + int(single.sum()))
        self.count = len(groups) + int(single.sum())
        self.register_buffer("group", group, persistent=False)
        alone = torch.zeros(self.count, dtype=torch.bool)
        alone[len(groups) :] = True
        self.register_buffer("alone", alone, persistent=False)
        self.register_buffer("shift", None, persistent=False)

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Derive the prior of each label within its attribute."""
        seen = positives.clamp(min=0.5) / known.clamp(min=1)
        single = self.alone.cpu()[self.group.cpu()]
        prior = torch.where(single, log_prior_odds(positives, known), torch.log(seen))
        self.shift = (self.tau * prior).float()

    def terms(self, logits: Tensor, targets: Tensor, weight: Tensor | None) -> list[Terms]:
        """Give one term a row and attribute."""
        if self.shift is not None and self.tau:
            logits = logits + self.shift.to(logits)
        known = targets >= 0
        share = targets.clamp(min=0)
        weight = torch.ones_like(logits[:1]) if weight is None else weight.to(logits)

        total = self._logsumexp(logits, known)
        gap = total[:, self.group] - logits
        positive = self._sum(share)
        chosen = self._sum(share * weight * gap) / positive.clamp(min=1e-30)
        rest = total[:, self.group]
        single = self._sum(weight * (share * gap + (1 - share) * rest).masked_fill(~known, 0.0))
        valid = torch.where(self.alone, self._sum(known.to(logits)) > 0, positive > 0)
        return [(torch.where(self.alone, single, chosen), valid)]

    def probabilities(self, logits: Tensor) -> Tensor:
        """Give the softmax within each attribute, the sigmoid of a label that is alone."""
        total = self._logsumexp(logits, torch.ones_like(logits, dtype=torch.bool))
        return (logits - total[:, self.group]).exp()

    def logit_shift(self) -> Tensor | None:
        """Give minus tau times the prior."""
        return torch.zeros(()) if self.shift is None else -self.shift

    def _sum(self, cells: Tensor) -> Tensor:
        out = cells.new_zeros(len(cells), self.count)
        return out.index_add(1, self.group, cells)

    def _logsumexp(self, logits: Tensor, known: Tensor) -> Tensor:
        """Give log-sum-exp over the known cells of each attribute, and 0 where it is alone."""
        lowest = torch.finfo(logits.dtype).min
        highest = logits.new_full((len(logits), self.count), lowest).scatter_reduce(
            1,
            self.group.expand(len(logits), -1),
            logits.detach().masked_fill(~known, lowest),
            "amax",
        )
        highest = torch.where(self.alone, highest.clamp(min=0), highest)
        some = highest > lowest
        highest = torch.where(some, highest, 0.0)
        centred = (logits - highest[:, self.group]).masked_fill(~known, -torch.inf)
        sums = self._sum(centred.exp()) + torch.where(self.alone, (-highest).exp(), 0.0)
        return torch.where(some, sums, 1.0).log() + highest
