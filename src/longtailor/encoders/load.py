"""Loading encoders by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longtailor.encoders.encoder import Encoder
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError

DEFAULT_ENCODER = "efficientnet_lite0"


def load_encoder(
    name: str = DEFAULT_ENCODER,
    *,
    weights: Path | None = None,
    image_size: int | None = None,
    preprocessing: Preprocessing | None = None,
    backend: str | None = None,
) -> Encoder:
    """Load a frozen encoder.

    Parameters
    ----------
    name : str
        `"efficientnet_lite0"` (its weights come with the package), `"efficientnet_lite2"`
        (larger; the extra `lite2`), or any name that timm knows.
    weights : Path, optional
        A safetensors file with the network's tensors under timm's names. Default: the package
        for the EfficientNet-Lites, timm's hub for all others.
    image_size : int, optional
        Height and width in pixels of what the network sees. Default: the model's own.
    preprocessing : Preprocessing, optional
        Default: the model's own, at `image_size`.
    backend : {"torch", "openvino"}, optional
        Default: the environment's `LONGTAILOR_BACKEND`, else OpenVINO where it is installed,
        else torch.

    Raises
    ------
    UsageError
        If there is no such encoder or backend.
    LongtailorError
        If the weights cannot be had, are damaged or do not fit.
    """
    import torch

    from longtailor.encoders.backends import build_backend, choose_backend
    from longtailor.encoders.networks import build_network

    chosen = choose_backend(backend)
    if preprocessing is not None:
        image_size = preprocessing.image_size
    network, own, source = build_network(name, weights=weights, image_size=image_size)
    preprocessing = preprocessing or own
    size = preprocessing.image_size
    with torch.inference_mode():
        dim = network(torch.zeros(1, 3, size, size)).shape[-1]
    ready = build_backend(chosen, network, preprocessing)
    return Encoder(name, dim, source, preprocessing, ready)


def restore_encoder(
    described: dict[str, Any], *, weights: Path | None, backend: str | None
) -> Encoder:
    """See `Encoder.from_dict`."""
    path = described["weights"]["path"]
    encoder = load_encoder(
        described["name"],
        weights=weights or (Path(path) if path else None),
        preprocessing=Preprocessing.from_dict(described["preprocessing"]),
        backend=backend,
    )
    if encoder.fingerprint != described["fingerprint"]:
        raise LongtailorError(
            f"the encoder {encoder.name} has other weights here (sha256 "
            f"{encoder.weights.sha256[:12]}) than the detector was fitted with "
            f"({described['weights']['sha256'][:12]}): give it those, or fit again"
        )
    return encoder
