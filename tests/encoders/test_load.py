from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from longtailor.encoders import Encoder, load_encoder
from longtailor.errors import LongtailorError, UsageError

SMALL = "test_efficientnet"


def photo() -> Image.Image:
    """Shades and edges, as photos have and noise has not."""
    across, down = np.meshgrid(np.arange(150), np.arange(200))
    pixels = np.stack([across, 255 - down, (across // 20 + down // 30) % 2 * 200], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


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


def test_a_size_may_follow_the_name() -> None:
    sized = load_encoder("efficientnet_lite0@64", backend="torch")
    stated = load_encoder("efficientnet_lite0", image_size=64, backend="torch")
    assert (sized.name, sized.views, sized.dims) == ("efficientnet_lite0", (), (1280,))
    assert sized.fingerprint == stated.fingerprint


def test_several_encoders_look_at_each_photo() -> None:
    names = ("efficientnet_lite0@128", "efficientnet_lite0@96")
    joined = load_encoder(",".join(names), backend="torch")
    assert (joined.dim, joined.dims, joined.image_size) == (2560, (1280, 1280), 128)
    image = photo()
    embedding = joined.encode(joined.preprocess(image)[None])
    for part, name in zip(np.split(embedding, 2, axis=1), names, strict=True):
        alone = load_encoder(name, backend="torch")
        expected = alone.encode(alone.preprocess(image)[None])
        # The smaller one sees the photo resized twice: nearly what it sees alone.
        cosine = (part * expected).sum() / np.linalg.norm(part) / np.linalg.norm(expected)
        assert cosine > 0.99


def test_joined_encoders_are_restored_from_their_description() -> None:
    joined = load_encoder("efficientnet_lite0@96,efficientnet_lite0@64", backend="torch")
    described = json.loads(json.dumps(joined.to_dict()))
    restored = Encoder.from_dict(described, backend="torch")
    assert restored.fingerprint == joined.fingerprint
    assert [view["name"] for view in described["views"]] == ["efficientnet_lite0"] * 2
    pixels = joined.preprocess(photo())[None]
    np.testing.assert_array_equal(restored.encode(pixels), joined.encode(pixels))
    turned = load_encoder("efficientnet_lite0@64,efficientnet_lite0@96", backend="torch")
    assert turned.fingerprint != joined.fingerprint
    described["views"][1]["weights"]["sha256"] = "0" * 64
    described["fingerprint"] = "another"
    with pytest.raises(LongtailorError, match="has other weights here"):
        Encoder.from_dict(described, backend="torch")


def test_backends_agree_on_joined_encoders() -> None:
    pytest.importorskip("openvino")
    name = "efficientnet_lite0@128,efficientnet_lite0@96"
    one, other = (load_encoder(name, backend=kind) for kind in ("torch", "openvino"))
    pixels = one.preprocess(photo())[None]
    np.testing.assert_allclose(one.encode(pixels), other.encode(pixels), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("efficientnet_lite0@", "after @ comes a size in pixels, as in efficientnet_lite0@320"),
        ("efficientnet_lite0@big", "after @ comes a size in pixels"),
        ("efficientnet_lite0@-224", "after @ comes a size in pixels"),
        ("efficientnet_lite0@16", "an image size of 16 is too small"),
        ("efficientnet_lite0,", "a name is missing"),
        ("efficientnet_lite0@96,efficientnet_lite0@96", "give each network and size once"),
        ("efficientnet_lite0,nothing", "no encoder is called nothing"),
    ],
)
def test_names_that_make_no_sense_are_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_encoder(name, backend="torch")


def test_a_size_is_given_once() -> None:
    with pytest.raises(UsageError, match="a size in its name, and is given another: 160"):
        load_encoder("efficientnet_lite0@224", image_size=160, backend="torch")
    with pytest.raises(UsageError, match="are several encoders: give the size of each"):
        load_encoder("efficientnet_lite0,efficientnet_lite0@96", image_size=160, backend="torch")
