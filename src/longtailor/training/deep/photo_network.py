"""A timm network as it is trained: batch normalisation frozen and folded into the convolutions.

With few photos in a batch, running statistics do more harm than good, and a normalisation that
depends on the neighbours in a batch would make the figures depend on how many devices share it.
The statistics stay as they were; scale and shift go on learning. They are multiplied into the
weights of the convolution before them in every step, which costs next to nothing and saves reading
and writing each activation once more, forwards and backwards.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.padding import pad_same
from timm.optim._param_groups import param_groups_layer_decay
from torch import Tensor, nn

from longtailor.classifiers import LinearClassifier
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.training.deep.network import Inputs, TrainedNetwork


class FoldedConvolution(nn.Module):
    """A convolution with the frozen normalisation that follows it.

    Its parameters keep the names and objects that they had.
    """

    bias: Tensor | None

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias
        # In a tuple, a module is not taken for a part of this one.
        self.parts = (convolution, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        """Convolve, normalise."""
        convolution, norm = self.parts
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        mean = norm.running_mean if self.bias is None else norm.running_mean - self.bias
        weight, shift = self.weight * scale[:, None, None, None], norm.bias - mean * scale
        if isinstance(convolution, Conv2dSame):
            inputs = pad_same(
                inputs,
                convolution.kernel_size,  # type: ignore[arg-type]
                convolution.stride,  # type: ignore[arg-type]
                convolution.dilation,  # type: ignore[arg-type]
            )
        return convolution._conv_forward(inputs, weight, shift)  # type: ignore[no-any-return]


class FoldedNorm(nn.Module):
    """What is left of a normalisation that was folded: its parameters, and the activation."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply what timm's normalisations do after normalising."""
        if hasattr(self.norm, "act"):
            inputs = self.norm.act(self.norm.drop(inputs))  # type: ignore[operator]
        return inputs


class TrainedPhotoNetwork(TrainedNetwork):
    """Photos to logits, normalisation of batches frozen and folded.

    Parameters
    ----------
    encoder : nn.Module
        In evaluation mode, ending in pooled features. It is taken over, its tensors are shared.
    classifier : LinearClassifier
        To start from.
    preprocessing : Preprocessing
    mirrored : bool
        When not training, an embedding is the mean of that of the photo and of its mirror image.
    """

    encoder_rate = 5e-4
    classifier_rate = 3e-3
    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        classifier: LinearClassifier,
        preprocessing: Preprocessing,
        *,
        mirrored: bool,
    ) -> None:
        super().__init__(encoder, classifier)
        self.folded = fold_frozen(encoder, preprocessing.image_size)
        self.mirrored = mirrored
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1), persistent=False)
        self.register_buffer("shift", (mean / std).view(3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> TrainedPhotoNetwork:
        """Switch dropout and the like on or off; what normalises batches stays frozen."""
        super().train(mode)
        for module in self.folded.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def embed(self, inputs: Inputs) -> Tensor:
        """Map uint8 photos (B, 3, H, W) to embeddings (B, dim)."""
        assert isinstance(inputs, Tensor)
        embeddings: Tensor = self.folded(inputs.float() * self.scale - self.shift)
        return embeddings

    def measured(self, inputs: Inputs) -> Tensor:
        """Map photos to embeddings, their mirror images looked at too where that was asked for."""
        assert isinstance(inputs, Tensor)
        embeddings = self.embed(inputs)
        if self.mirrored:
            embeddings = (embeddings + self.embed(inputs.flip(3))) / 2
        return embeddings

    def layers(self, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
        """Group the parameters by timm's layers of the network."""
        groups: list[dict[str, Any]] = param_groups_layer_decay(
            self.original[0], weight_decay=weight_decay, layer_decay=layer_decay
        )
        return groups


def fold_frozen(network: nn.Module, image_size: int) -> nn.Module:
    """Give a network that shares the parameters of another one, normalisation folded.

    As in `longtailor.encoders.networks.fold_batch_norm`, which layers belong together is guessed
    from their order and tried on noise; where the two disagree the network itself comes back.
    """
    tensors = {id(t): t for t in (*network.parameters(), *network.buffers())}
    folded = copy.deepcopy(network, dict(tensors))
    for parent in list(folded.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if (
                isinstance(conv, nn.Conv2d)
                and type(conv) in (nn.Conv2d, Conv2dSame)
                and isinstance(norm, nn.BatchNorm2d)
                and conv.out_channels == norm.num_features
            ):
                setattr(parent, conv_name, FoldedConvolution(conv, norm))
                setattr(parent, norm_name, FoldedNorm(norm))
    noise = torch.randn(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, got = network(noise), folded(noise)
    agrees = torch.allclose(got, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    return folded if agrees else network
