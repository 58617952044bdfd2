"""How the losses of the cells become one number.

The mean over known cells keeps the meaning of the learning rate: the sum of the sizes of the
gradient by the logits, the push of a batch, does not depend on the batch, on the number of labels,
on how much is unknown or (but for the published scales of `median_frequency` and
`distribution_balanced`) on the weighting. Its Euclidean norm does, and must: it is spread over
more cells.
"""

from __future__ import annotations

from torch import Tensor

from longtailor.objectives.parameters import Parameter

MEAN, SUM, NONE = "mean", "sum", "none"

SETTINGS = (
    Parameter(
        "reduction", MEAN, "over the known cells, or terms, of a batch", choices=(MEAN, SUM, NONE)
    ),
)


def reduce(loss: Tensor, known: Tensor, reduction: str) -> Tensor:
    """Reduce losses that are 0 where not known.

    Parameters
    ----------
    loss : Tensor
        Of each cell or term, or their sum.
    known : Tensor
        How many of them are known, a scalar.
    reduction : str
        `mean`, `sum` or `none`. The mean of none known is 0.
    """
    if reduction == NONE:
        return loss
    return loss.sum() / known.clamp(min=1) if reduction == MEAN else loss.sum()
