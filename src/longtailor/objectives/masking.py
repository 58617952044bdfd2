"""What becomes of unknown cells.

`ignore` is the default: an unknown cell is not a negative. `assume_negative` is what most training
loops do without saying so. `selective` assumes negative but for the cells that are likely
positives after all: Ben-Baruch et al. 2022, Multi-label classification with partial annotations
using class-aware selective loss, arXiv:2110.10955.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from longtailor.objectives.parameters import Parameter

IGNORE, ASSUME_NEGATIVE, SELECTIVE = "ignore", "assume_negative", "selective"

SETTINGS = (
    Parameter(
        "unknown", IGNORE, "what unknown cells are", choices=(IGNORE, ASSUME_NEGATIVE, SELECTIVE)
    ),
)
SELECTIVE_SETTINGS = (
    Parameter("topk", 5, "unknown cells of a row, by logit, that stay unknown", 0, whole=True),
    Parameter(
        "prior_threshold", 0.05, "labels more frequent than this keep their unknown cells", 0, 1
    ),
)


class Masking(nn.Module):
    """Says which cells of a batch take part, and as what.

    Parameters
    ----------
    unknown : str
        `ignore`, `assume_negative` or `selective`.
    topk : int
        With `selective`: this many unknown cells of each row, those of the highest logits, stay
        unknown.
    prior_threshold : float
        With `selective`: so do the unknown cells of labels whose share of positives among the
        known products is above this.
    """

    frequent: Tensor | None

    def __init__(self, unknown: str, topk: int = 0, prior_threshold: float = 1.0) -> None:
        super().__init__()
        self.unknown = unknown
        self.topk = topk
        self.prior_threshold = prior_threshold
        self.register_buffer("frequent", None, persistent=False)

    def set_statistics(self, positives: Tensor, known: Tensor) -> None:
        """Take the counts of positive and known products, float64 of shape (labels,)."""
        if self.unknown == SELECTIVE:
            self.frequent = positives / known.clamp(min=1) > self.prior_threshold

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the targets with -1 in the cells that take no part.

        Parameters
        ----------
        logits, targets : Tensor, shape (batch, labels)
            Floating; an unknown target is -1 or NaN.
        """
        known = targets >= 0
        if self.unknown == IGNORE:
            return torch.where(known, targets, -1.0)
        if self.unknown == ASSUME_NEGATIVE:
            return torch.where(known, targets, 0.0)
        left_out = torch.zeros_like(known)
        if self.topk:
            candidates = logits.detach().masked_fill(known, -torch.inf)
            likeliest = candidates.topk(min(self.topk, logits.shape[1]), dim=1).indices
            left_out = left_out.scatter(1, likeliest, True)
        if self.frequent is not None:
            left_out = left_out | self.frequent
        return torch.where(known, targets, torch.where(left_out, -1.0, 0.0))
