"""A text network of Hugging Face's as it is trained."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from longtailor.classifiers import LinearClassifier
from longtailor.encoders.text_backends import MaskedMeanNetwork
from longtailor.training.deep.network import Inputs, TrainedNetwork


class TrainedTextNetwork(TrainedNetwork):
    """Tokens to logits; an embedding is the mean of the last hidden states.

    Dropout is as the network's configuration has it.

    Parameters
    ----------
    encoder : nn.Module
        Of Hugging Face's, in evaluation mode. It is taken over. What does not decide the last
        hidden states, such as a pooler, does not learn.
    classifier : LinearClassifier
        To start from.
    """

    encoder_rate = 1e-4
    classifier_rate = 3e-3

    def __init__(self, encoder: nn.Module, classifier: LinearClassifier) -> None:
        super().__init__(encoder, classifier)
        self.mean = MaskedMeanNetwork(encoder)
        _freeze_idle(self.mean)

    def embed(self, inputs: Inputs) -> Tensor:
        """Map tokens (B, length) and their mask to embeddings (B, dim)."""
        tokens, mask = inputs
        embeddings: Tensor = self.mean(tokens, mask)
        return embeddings

    def layers(self, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
        """Group the parameters by layer of the transformer, the embeddings of tokens before it.

        What follows the layers learns as fast as the last of them.
        """
        encoder = self.original[0]
        name, count = _stack(encoder)
        groups: dict[tuple[int, bool], dict[str, Any]] = {}
        before = True
        for path, parameter in encoder.named_parameters():
            inside = re.match(rf"{re.escape(name)}\.(\d+)\.", path)
            before = before and inside is None
            depth = int(inside[1]) + 1 if inside else 0 if before else count
            decayed = parameter.ndim > 1
            if parameter.requires_grad:
                group = groups.setdefault(
                    (depth, decayed),
                    {
                        "params": [],
                        "weight_decay": weight_decay if decayed else 0.0,
                        "lr_scale": layer_decay ** (count - depth),
                    },
                )
                group["params"].append(parameter)
        return list(groups.values())


def _stack(encoder: nn.Module) -> tuple[str, int]:
    """Give the name of the stack of layers, and how many it has."""
    stacks = {
        name: len(module)
        for name, module in encoder.named_modules()
        if isinstance(module, nn.ModuleList)
    }
    if not stacks:
        return "", 0
    name = max(stacks, key=lambda one: stacks[one])
    return name, stacks[name]


def _freeze_idle(mean: nn.Module) -> None:
    """Freeze parameters without a gradient: processes that train together wait for each one's."""
    tokens = torch.ones(1, 2, dtype=torch.long)
    with torch.enable_grad():
        mean(tokens, torch.ones_like(tokens)).sum().backward()
    for parameter in mean.parameters():
        if parameter.grad is None:
            parameter.requires_grad_(False)
        parameter.grad = None
