"""AdamW with a learning rate by depth."""

from __future__ import annotations

import torch
from torch.optim import AdamW

from longtailor.training.deep.network import TrainedNetwork
from longtailor.training.deep.options import FineTuning


def build_optimizer(network: TrainedNetwork, options: FineTuning) -> AdamW:
    """Give each layer of the encoder its learning rate, lower the earlier the layer.

    The factor from one layer to the one before it is `layer_decay` (Clark et al. 2020, ELECTRA,
    arXiv:2003.10555, section 3.1). Biases and normalisations are not decayed, nor is the
    classifier's bias.
    """
    encoder_rate, classifier_rate = rates(network, options)
    groups = network.layers(options.weight_decay, options.layer_decay)
    for group in groups:
        group["lr"] = encoder_rate * group.pop("lr_scale")
    classifier = network.classifier
    groups += [
        {
            "params": [tensor],
            "lr": classifier_rate,
            "weight_decay": options.weight_decay if tensor.ndim > 1 else 0.0,
        }
        for tensor in (classifier.weight, classifier.bias)
    ]
    kinds = {tensor.device.type for group in groups for tensor in group["params"]}
    return AdamW(groups, fused=kinds <= {"cpu", "cuda"} and hasattr(torch, "_fused_adamw_"))


def rates(network: TrainedNetwork, options: FineTuning) -> tuple[float, float]:
    """Give the highest learning rates of encoder and classifier: those asked for, or its own."""
    encoder, classifier = options.encoder_rate, options.classifier_rate
    return (
        network.encoder_rate if encoder is None else encoder,
        network.classifier_rate if classifier is None else classifier,
    )
