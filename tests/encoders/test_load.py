from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from longtailor.encoders import Encoder, load_encoder
from longtailor.errors import LongtailorError

SMALL = "test_efficientnet"


def save_weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_file(timm.create_model(SMALL, num_classes=0).state_dict(), path)
    return path


def test_the_default_encoder_needs_nothing_but_the_package() -> None:
    encoder = load_encoder(backend="torch")
    assert (encoder.name, encoder.dim, encoder.image_size) == ("efficientnet_lite0", 1280, 224)
    photo = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    assert encoder.encode(photo).shape == (1, 1280)


def test_an_encoder_is_restored_from_its_description(tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "a.safetensors", 0)
    encoder = load_encoder(SMALL, weights=weights, image_size=48, backend="torch")
    described = json.loads(json.dumps(encoder.to_dict()))
    restored = Encoder.from_dict(described, backend="torch")
    assert restored.fingerprint == encoder.fingerprint
    photos = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(restored.encode(photos), encoder.encode(photos))

    moved = weights.rename(tmp_path / "b.safetensors")
    with pytest.raises(LongtailorError, match="cannot be read"):
        Encoder.from_dict(described, backend="torch")
    again = Encoder.from_dict(described, weights=moved, backend="torch")
    assert again.fingerprint == encoder.fingerprint


def test_other_weights_than_the_detectors_are_refused(tmp_path: Path) -> None:
    weights = save_weights(tmp_path / "a.safetensors", 0)
    described = load_encoder(SMALL, weights=weights, image_size=48, backend="torch").to_dict()
    save_weights(weights, 1)
    with pytest.raises(LongtailorError, match="has other weights here") as caught:
        Encoder.from_dict(described, backend="torch")
    assert "\n" not in str(caught.value)
