"""Loading encoders by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from longtailor.encoders.encoder import Encoder
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.encoders.text import TextEncoder
from longtailor.errors import LongtailorError

DEFAULT_ENCODER = "efficientnet_lite0"
DEFAULT_TEXT_ENCODER = "all-minilm-l6-v2"


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


def load_text_encoder(
    name: str = DEFAULT_TEXT_ENCODER,
    *,
    weights: Path | None = None,
    backend: str | None = None,
) -> TextEncoder:
    """Load a frozen text encoder.

    Parameters
    ----------
    name : str
        `"all-minilm-l6-v2"` (it comes with the extra `text`), the folder of a model, or a name on
        the Hugging Face hub. Tokens are averaged, whatever pooling a model was trained with.
    weights : Path, optional
        A safetensors file with the network's tensors. Default: the model's own.
    backend : {"torch", "openvino"}, optional
        As for `load_encoder`.

    Raises
    ------
    UsageError
        If there is no such backend, or the model is no encoder of texts.
    LongtailorError
        If the weights cannot be had, or are damaged.
    """
    from longtailor.encoders.backends import choose_backend
    from longtailor.encoders.text_backends import build_text_backend
    from longtailor.encoders.text_networks import build_text_network

    chosen = choose_backend(backend)
    network, tokenizer, length, source = build_text_network(name, weights=weights)
    dim = network.config.hidden_size  # type: ignore[union-attr]
    ready = build_text_backend(chosen, network)
    return TextEncoder(name, dim, length, source, tokenizer, ready)  # type: ignore[arg-type]


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
    _require_same(encoder, described)
    return encoder


def restore_text_encoder(
    described: dict[str, Any], *, weights: Path | None, backend: str | None
) -> TextEncoder:
    """See `TextEncoder.from_dict`."""
    encoder = load_text_encoder(described["name"], weights=weights, backend=backend)
    _require_same(encoder, described)
    return encoder


def _require_same(encoder: Encoder | TextEncoder, described: dict[str, Any]) -> None:
    if encoder.fingerprint != described["fingerprint"]:
        raise LongtailorError(
            f"the encoder {encoder.name} has other weights here (sha256 "
            f"{encoder.weights.sha256[:12]}) than the detector was fitted with "
            f"({described['weights']['sha256'][:12]}): give it those, or fit again"
        )
