"""A linear classifier over all labels."""

from __future__ import annotations

from torch import Tensor, nn


def power_normalize(embeddings: Tensor) -> Tensor:
    """Take the signed square root of each number, then scale each row to length 1.

    Perronnin, Sanchez and Mensink, "Improving the Fisher Kernel for Large-Scale Image
    Classification" (ECCV 2010), section 3.2: it keeps a few strong features from deciding alone.

    Parameters
    ----------
    embeddings : Tensor, shape (products, dim)
    """
    return nn.functional.normalize(embeddings.abs().sqrt().copysign(embeddings), dim=1)


class LinearClassifier(nn.Module):
    """Logits as an affine function of the power-normalised embedding.

    Parameters
    ----------
    weight : Tensor of float32, shape (labels, dim)
    bias : Tensor of float32, shape (labels,)

    Raises
    ------
    ValueError
        If the shapes do not match.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"weight has shape (labels, dim) and bias (labels,), "
                f"not {tuple(weight.shape)} and {tuple(bias.shape)}"
            )
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.weight.shape[1]

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.weight.shape[0]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Give the logits of embeddings (products, dim): shape (products, labels)."""
        return nn.functional.linear(power_normalize(embeddings), self.weight, self.bias)
