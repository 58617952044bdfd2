"""An encoder and its classifier as they are trained together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from longtailor.classifiers import LinearClassifier

Inputs = Tensor | tuple[Tensor, ...]
"""What an encoder takes: photos, or tokens and their mask."""
STEEPEST = 1e-3
"""Embedding below which the square root's slope is taken as if it were this."""


class GentleRoot(torch.autograd.Function):
    """The signed square root, whose slope is bounded near 0, where the true one is infinite."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        """Give the signed square root."""
        context.save_for_backward(values)
        root: Tensor = values.abs().sqrt().copysign(values)
        return root

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        """Multiply by 1 / (2 sqrt(|x|)), |x| at least `STEEPEST`."""
        (values,) = context.saved_tensors
        through: Tensor = gradient / (2 * values.abs().clamp(min=STEEPEST).sqrt())
        return through


class TrainedNetwork(nn.Module, ABC):
    """Products to logits: encoder, normalisation and classifier, all of which learn.

    Parameters
    ----------
    encoder : nn.Module
        In evaluation mode. It is taken over, its tensors are shared.
    classifier : LinearClassifier
        To start from; of one block.
    """

    encoder_rate: ClassVar[float]
    """Highest learning rate of the encoder's last layer, where none is asked for."""
    classifier_rate: ClassVar[float]

    def __init__(self, encoder: nn.Module, classifier: LinearClassifier) -> None:
        super().__init__()
        # In a tuple, a module is not taken for a part of this one: its tensors may be those of
        # another form of it, and would be listed twice.
        self.original = (encoder,)
        self.classifier = classifier

    @abstractmethod
    def embed(self, inputs: Inputs) -> Tensor:
        """Map a batch to embeddings (B, dim)."""

    @abstractmethod
    def layers(self, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
        """Give the encoder's parameters in groups as an optimizer takes them.

        Each with `params`, `weight_decay` (0 for biases and normalisations), and `lr_scale`:
        `layer_decay` to the power of how many layers lie between it and the last one.
        """

    def measured(self, inputs: Inputs) -> Tensor:
        """Map a batch to the embeddings (B, dim) that products are measured by."""
        return self.embed(inputs)

    def classify(self, embeddings: Tensor) -> Tensor:
        """Give the logits (B, labels) that `LinearClassifier` gives, with bounded slopes."""
        (block,) = self.classifier.blocks
        embeddings = embeddings.float()
        if block.root:
            embeddings = GentleRoot.apply(embeddings)
        if block.length:
            embeddings = nn.functional.normalize(embeddings, dim=1)
        return nn.functional.linear(embeddings, self.classifier.weight, self.classifier.bias)

    def forward(self, inputs: Inputs) -> Tensor:
        """Map a batch to logits (B, labels)."""
        return self.classify(self.embed(inputs) if self.training else self.measured(inputs))
