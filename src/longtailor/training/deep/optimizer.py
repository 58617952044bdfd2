"""AdamW with a learning rate by depth."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim._param_groups import param_groups_layer_decay
from torch.optim import AdamW

from longtailor.training.deep.network import TrainedNetwork
from longtailor.training.deep.options import FineTuning


def build_optimizer(network: TrainedNetwork, options: FineTuning) -> AdamW:
    """Give each layer of the encoder its learning rate, lower the earlier the layer.

    The factor from one layer to the one before it is `layer_decay` (Clark et al. 2020, ELECTRA,
    arXiv:2003.10555, section 3.1; layers as timm groups them). Biases and normalisations are not
    decayed, nor is the classifier's bias.
    """
    groups: list[dict[str, Any]] = param_groups_layer_decay(
        network.original[0],
        weight_decay=options.weight_decay,
        layer_decay=options.layer_decay,
    )
    for group in groups:
        group["lr"] = options.encoder_rate * group.pop("lr_scale")
    classifier = network.classifier
    groups += [
        {
            "params": [tensor],
            "lr": options.classifier_rate,
            "weight_decay": options.weight_decay if tensor.ndim > 1 else 0.0,
        }
        for tensor in (classifier.weight, classifier.bias)
    ]
    kinds = {tensor.device.type for group in groups for tensor in group["params"]}
    return AdamW(groups, fused=kinds <= {"cpu", "cuda"} and hasattr(torch, "_fused_adamw_"))
