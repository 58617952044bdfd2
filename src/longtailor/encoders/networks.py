"""Networks with their weights, and what makes them fast once they are frozen."""

from __future__ import annotations

import contextlib
import copy
import difflib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from longtailor.encoders.encoder import Weights
from longtailor.encoders.packaged import PACKAGES, build_packaged
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError, UsageError

SMALLEST = 32
"""Pixels below which the usual networks, which halve a photo five times, have nothing left."""


def build_network(
    name: str, *, weights: Path | None = None, image_size: int | None = None
) -> tuple[nn.Module, Preprocessing, Weights]:
    """Build a network that ends in pooled features, with the weights it was trained to.

    Parameters
    ----------
    name : str
        `"efficientnet_lite0"`, `"efficientnet_lite2"`, or any name that timm knows.
    weights : Path, optional
        A safetensors file with the network's tensors under timm's names. Default: the package
        for the EfficientNet-Lites, timm's hub for all others.
    image_size : int, optional
        Pixels, where not the model's own.

    Raises
    ------
    UsageError
        If there is no such network, or the image size is too small for one.
    LongtailorError
        If the weights cannot be had or do not fit.
    """
    if image_size is not None and image_size < SMALLEST:
        raise UsageError(f"an image size of {image_size} is too small: at least {SMALLEST} pixels")
    if name in PACKAGES and weights is None:
        network, source = build_packaged(name)
        network.reset_classifier(0)  # type: ignore[operator]
        preprocessing = PACKAGES[name].preprocessing
    else:
        network, source = _build_timm(name, weights, image_size)
        preprocessing = _timm_preprocessing(network)
        if name in PACKAGES:
            preprocessing = PACKAGES[name].preprocessing
    if image_size is not None:
        preprocessing = replace(preprocessing, image_size=image_size)
    return network.eval(), preprocessing, source


def _build_timm(
    name: str, weights: Path | None, image_size: int | None
) -> tuple[nn.Module, Weights]:
    architecture = PACKAGES[name].architecture if name in PACKAGES else name
    if not timm.is_model(architecture):
        known = [*PACKAGES, *timm.list_models()]
        near = difflib.get_close_matches(architecture.partition(".")[0], known, n=3)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise UsageError(f"no encoder is called {name}{hint}")
    options: dict[str, Any] = {"num_classes": 0}
    if image_size is not None and timm.get_pretrained_cfg_value(architecture, "fixed_input_size"):
        options["img_size"] = image_size
    if weights is not None:
        network = timm.create_model(architecture, **options)
        classifiers = network.pretrained_cfg["classifier"]  # type: ignore[index]
        if isinstance(classifiers, str):
            classifiers = (classifiers,)
        dropped = tuple(f"{classifier}." for classifier in classifiers or ())
        return network, load_weights(network, weights, dropped)
    try:
        with _quiet_retries():
            network = timm.create_model(architecture, pretrained=True, **options)
    # Hubs fail in the ways of several HTTP libraries.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        raise LongtailorError(
            f"cannot get the weights of {name} from its hub ({reason}): give a local "
            "safetensors file, or use efficientnet_lite0, which needs no hub"
        ) from error
    return network, Weights(digest_of(network))


@contextlib.contextmanager
def _quiet_retries() -> Iterator[None]:
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)
    try:
        yield
    finally:
        hub.setLevel(level)


def load_weights(network: nn.Module, path: Path, dropped: tuple[str, ...] = ()) -> Weights:
    """Read a network's tensors from a safetensors file, but those whose names begin as `dropped`.

    Raises
    ------
    LongtailorError
        If the file cannot be read, is of another format, or does not fit.
    """
    if path.exists() and not path.is_file():
        # Reading a device or a pipe would not end.
        raise LongtailorError(f"{path}: is no file")
    try:
        content = path.read_bytes()
        tensors = load_file(path)
    except OSError as error:
        raise LongtailorError(f"{path}: cannot be read ({error.strerror or error})") from error
    except SafetensorError as error:
        raise LongtailorError(
            f"{path}: is no safetensors file ({error}); other formats are not read, because "
            "loading them can run code"
        ) from error
    tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(dropped)}
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise LongtailorError(f"{path}: does not fit the encoder ({reason[:300]})") from error
    return Weights(hashlib.sha256(content).hexdigest(), str(path.resolve()))


def _timm_preprocessing(network: nn.Module) -> Preprocessing:
    config = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    return Preprocessing(
        config["input_size"][-1],
        config["interpolation"],
        tuple(config["mean"]),
        tuple(config["std"]),
    )


def digest_of(network: nn.Module) -> str:
    """Hash the names, types, shapes and values of a network's tensors."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class PhotoNetwork(nn.Module):
    """A network that takes uint8 photos (B, H, W, 3) and normalises them itself.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode.
    preprocessing : Preprocessing
    """

    scale: torch.Tensor
    shift: torch.Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.image_size = preprocessing.image_size
        self.mirrored = preprocessing.mirrored
        mean, std = torch.tensor(preprocessing.mean), torch.tensor(preprocessing.std)
        self.register_buffer("scale", (1 / (255 * std)).view(3, 1, 1))
        self.register_buffer("shift", (mean / std).view(3, 1, 1))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Map photos (B, H, W, 3), uint8, to embeddings (B, dim)."""
        # The permuted tensor is channels-last without a copy.
        return self.embed(photos.permute(0, 3, 1, 2).float())

    def embed(self, photos: torch.Tensor) -> torch.Tensor:
        """Map photos (B, 3, H, W), float from 0 to 255, to embeddings (B, dim)."""
        pixels = photos * self.scale - self.shift
        embeddings: torch.Tensor = self.network(pixels)
        if self.mirrored:
            embeddings = (embeddings + self.network(pixels.flip(3))) / 2
        return embeddings

    def fold(self) -> None:
        """Merge its batch normalisation."""
        self.network = fold_batch_norm(self.network, image_size=self.image_size)


class JoinedPhotoNetwork(nn.Module):
    """Networks that see the same uint8 photos, their embeddings side by side.

    Photos have the largest size of all, and are resized to the others as Pillow's bicubic filter
    does, by a product with a matrix from either side, which every runtime can do.

    Parameters
    ----------
    networks : sequence of PhotoNetwork
    """

    def __init__(self, networks: Sequence[PhotoNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.image_size = max(network.image_size for network in networks)
        self.smaller = sorted({network.image_size for network in networks} - {self.image_size})
        for size in self.smaller:
            self.register_buffer(f"to_{size}", resizing_matrix(self.image_size, size))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        """Map photos (B, H, W, 3), uint8, to embeddings (B, dim)."""
        pixels = photos.permute(0, 3, 1, 2).float()
        seen = {self.image_size: pixels}
        for size in self.smaller:
            matrix = getattr(self, f"to_{size}")
            seen[size] = (matrix @ pixels @ matrix.T).clamp(0.0, 255.0)
        parts = [network.embed(seen[network.image_size]) for network in self.networks]  # type: ignore[operator,index]
        return torch.cat(parts, dim=1)

    def fold(self) -> None:
        """Merge the batch normalisation of each network."""
        for network in self.networks:
            network.fold()  # type: ignore[operator]


def resizing_matrix(size: int, to: int) -> torch.Tensor:
    """Give the matrix (to, size) that scales a column of pixels down, bicubic, antialiased."""
    columns = torch.eye(size)[None, None]
    return nn.functional.interpolate(columns, (to, size), mode="bicubic", antialias=True)[0, 0]


def fold_batch_norm(network: nn.Module, *, image_size: int) -> nn.Module:
    """Merge batch normalisation into the convolutions before it.

    A pair is merged where a module lists the normalisation right after the convolution. That
    is a guess at the order of the data, so the outcome is tried on noise, and the network comes
    back as it was if the two disagree.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode. It is not changed.
    image_size : int
        Pixels of the noise to try it on.
    """
    folded = copy.deepcopy(network)
    for parent in list(folded.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if (
                isinstance(conv, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and conv.out_channels == norm.num_features
            ):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, _what_follows(norm))
    noise = torch.randn(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, got = network(noise), folded(noise)
    agrees = torch.allclose(got, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    return folded if agrees else network


def _what_follows(norm: nn.BatchNorm2d) -> nn.Module:
    # timm's BatchNormAct2d holds the dropout and the activation that come after it.
    if hasattr(norm, "act"):
        return nn.Sequential(norm.drop, norm.act)  # type: ignore[arg-type]
    return nn.Identity()
