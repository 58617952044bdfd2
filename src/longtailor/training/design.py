"""Training embeddings, power-normalised, in the basis of their principal components."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longtailor.classifiers import LinearClassifier, power_normalize

NEGLIGIBLE_VARIANCE = 1e-7


@dataclass(frozen=True)
class Design:
    """Power-normalised embeddings, centred, scaled and rotated, and an intercept.

    A linear classifier with an L2 penalty is the same in any rotated basis; in this one its
    Hessian is nearly diagonal, which is what makes the fit fast. The scale makes the mean squared
    length of a row 1, so that a penalty means the same whatever the encoder.

    Attributes
    ----------
    features : Tensor of float32, shape (products, components + 1)
        The last column is 1.
    variances : Tensor of float32, shape (components + 1,)
        Mean square of each column.
    mean : Tensor of float64, shape (dim,)
    rotation : Tensor of float64, shape (dim, components)
        Takes a centred row to its components.
    """

    features: Tensor
    variances: Tensor
    mean: Tensor
    rotation: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Design:
        """Find the principal components of embeddings of shape (products, dim)."""
        normalized = power_normalize(embeddings)
        mean = normalized.mean(dim=0, dtype=torch.float64)
        centred = normalized - mean.to(normalized.dtype)
        covariance = (centred.T @ centred).double() / len(centred)
        scale = covariance.diagonal().sum().clamp(min=torch.finfo(torch.float64).tiny).rsqrt()
        variance, axes = torch.linalg.eigh(covariance * scale**2)
        kept = variance > NEGLIGIBLE_VARIANCE * variance.max()
        rotation = axes[:, kept].flip(1) * scale
        intercept = torch.ones(len(centred), 1)
        features = torch.cat([centred @ rotation.to(centred.dtype), intercept], dim=1)
        return cls(features, features.square().mean(dim=0), mean, rotation)

    def fold(self, parameters: Tensor) -> LinearClassifier:
        """Give the classifier of embeddings as encoders make them.

        Parameters
        ----------
        parameters : Tensor, shape (components + 1, labels)
            Fitted on `features`.
        """
        wide = parameters.double()
        weight = (self.rotation @ wide[:-1]).T
        bias = wide[-1] - weight @ self.mean
        return LinearClassifier(weight.float().contiguous(), bias.float())
