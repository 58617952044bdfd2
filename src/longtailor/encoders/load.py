"""Loading encoders by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtailor.encoders.encoder import Encoder, View, Weights
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.encoders.text import TextEncoder
from longtailor.errors import LongtailorError, UsageError

if TYPE_CHECKING:
    from longtailor.encoders.networks import PhotoNetwork

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
        (larger; the extra `lite2`), or any name that timm knows. A size in pixels may follow it,
        as in `"efficientnet_lite0@320"`. Several, separated by commas, look at each photo all.
    weights : Path, optional
        A safetensors file with the network's tensors under timm's names. Default: the package
        for the EfficientNet-Lites, timm's hub for all others. Not for several.
    image_size : int, optional
        Height and width in pixels of what the network sees, where not in its name. Default: the
        model's own. Not for several.
    preprocessing : Preprocessing, optional
        Default: the model's own, at `image_size`.
    backend : {"torch", "openvino"}, optional
        Default: the environment's `LONGTAILOR_BACKEND`, else OpenVINO where it is installed,
        else torch.

    Raises
    ------
    UsageError
        If there is no such encoder or backend, or a size makes no sense.
    LongtailorError
        If the weights cannot be had, are damaged or do not fit.
    """
    from longtailor.encoders.backends import choose_backend

    chosen = choose_backend(backend)
    names = split_names(name)
    if len(names) == 1:
        ((plain, size),) = names
        if preprocessing is not None:
            image_size = preprocessing.image_size
        if size is not None and image_size not in (None, size):
            raise UsageError(
                f"the encoder {name} has a size in its name, and is given another: {image_size}"
            )
        return _join([_load(plain, image_size or size, weights, preprocessing)], chosen)
    if weights is not None or image_size is not None or preprocessing is not None:
        raise UsageError(
            f"{name} are several encoders: give the size of each after its name, as in "
            f"{names[0][0]}@320, and no weights"
        )
    return _join([_load(*one) for one in names], chosen)


def split_names(name: str) -> list[tuple[str, int | None]]:
    """Split encoders at commas, and each from the size in pixels that may follow it.

    Raises
    ------
    UsageError
        If what follows an @ is no size, or an encoder is given twice.
    """
    found: list[tuple[str, int | None]] = []
    for one in name.split(","):
        plain, at, written = one.strip().partition("@")
        if not plain:
            raise UsageError(f"the encoder {name!r}: a name is missing")
        if at and not written.isdecimal():
            raise UsageError(
                f"the encoder {one.strip()}: after @ comes a size in pixels, as in {plain}@320"
            )
        found.append((plain, int(written) if at else None))
    if len(set(found)) < len(found):
        raise UsageError(f"the encoder {name}: give each network and size once")
    return found


def _load(
    name: str,
    image_size: int | None,
    weights: Path | None = None,
    preprocessing: Preprocessing | None = None,
) -> tuple[View, PhotoNetwork]:
    import torch

    from longtailor.encoders.networks import PhotoNetwork, build_network

    network, own, source = build_network(name, weights=weights, image_size=image_size)
    preprocessing = preprocessing or own
    size = preprocessing.image_size
    with torch.inference_mode():
        dim = network(torch.zeros(1, 3, size, size)).shape[-1]
    return View(name, dim, source, preprocessing), PhotoNetwork(network, preprocessing)


def _join(loaded: Sequence[tuple[View, PhotoNetwork]], backend: str) -> Encoder:
    from longtailor.encoders.backends import build_backend
    from longtailor.encoders.networks import JoinedPhotoNetwork

    views = [view for view, _ in loaded]
    first = views[0]
    if len(views) == 1:
        ready = build_backend(backend, loaded[0][1])
        return Encoder(first.name, first.dim, first.weights, first.preprocessing, ready)
    digest = hashlib.sha256("".join(view.weights.sha256 for view in views).encode())
    return Encoder(
        ",".join(f"{view.name}@{view.preprocessing.image_size}" for view in views),
        sum(view.dim for view in views),
        Weights(digest.hexdigest()),
        max((view.preprocessing for view in views), key=lambda one: one.image_size),
        build_backend(backend, JoinedPhotoNetwork([network for _, network in loaded])),
        tuple(views),
    )


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
    if "views" in described:
        encoder = _restore_views(described["views"], backend)
    else:
        path = described["weights"]["path"]
        encoder = load_encoder(
            described["name"],
            weights=weights or (Path(path) if path else None),
            preprocessing=Preprocessing.from_dict(described["preprocessing"]),
            backend=backend,
        )
    _require_same(encoder, described)
    return encoder


def _restore_views(described: Sequence[dict[str, Any]], backend: str | None) -> Encoder:
    from longtailor.encoders.backends import choose_backend

    loaded = []
    for view in described:
        path, seen = view["weights"]["path"], Preprocessing.from_dict(view["preprocessing"])
        loaded.append(_load(view["name"], seen.image_size, Path(path) if path else None, seen))
    return _join(loaded, choose_backend(backend))


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
