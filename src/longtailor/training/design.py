"""Training embeddings, power-normalised, and where they vary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longtailor.classifiers import LinearClassifier, power_normalize

NEGLIGIBLE_LENGTH = 1e-10
SAMPLE = 4096
"""So many rows tell the principal axes well enough to guide the fit."""


@dataclass(frozen=True)
class Design:
    """Power-normalised embeddings, centred and scaled, and an intercept.

    The scale makes the mean squared length of a row 1, so that a penalty means the same whatever
    the encoder.

    Attributes
    ----------
    features : Tensor of float32, shape (products, dim + 1)
        The last column is 1.
    mean : Tensor of float64, shape (dim,)
    scale : float
        What the centred rows were multiplied by; 0 where the embeddings do not vary.
    axes : Tensor of float32, shape (dim, dim)
        Principal axes, estimated on a sample, one a column.
    variances : Tensor of float32, shape (dim,)
        Mean square of the features along each axis.
    """

    features: Tensor
    mean: Tensor
    scale: float
    axes: Tensor
    variances: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Design:
        """Prepare embeddings of shape (products, dim)."""
        products, dim = embeddings.shape
        features = torch.ones(products, dim + 1)
        features[:, :-1] = power_normalize(embeddings)
        mean = features[:, :-1].mean(dim=0, dtype=torch.float64)
        features[:, :-1] -= mean.to(features.dtype)
        length = torch.linalg.vector_norm(features[:, :-1], dim=1).square().mean().item()
        # What is left of embeddings that are all alike is rounding, and not to be scaled up.
        scale = length**-0.5 if length > NEGLIGIBLE_LENGTH else 0.0
        features[:, :-1] *= scale
        rows = features[:: -(-products // SAMPLE), :-1]
        variances, axes = torch.linalg.eigh(rows.T @ rows / len(rows))
        return cls(features, mean, scale, axes, variances.clamp(min=0))

    def fold(self, parameters: Tensor) -> LinearClassifier:
        """Give the classifier of embeddings as encoders make them.

        Parameters
        ----------
        parameters : Tensor, shape (dim + 1, labels)
            Fitted on `features`.
        """
        wide = parameters.double()
        weight = wide[:-1].T * self.scale
        bias = wide[-1] - weight @ self.mean
        return LinearClassifier(weight.float().contiguous(), bias.float())
