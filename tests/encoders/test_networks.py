from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from longtailor.encoders import networks
from longtailor.encoders.networks import (
    JoinedPhotoNetwork,
    PhotoNetwork,
    build_network,
    fold_batch_norm,
    resizing_matrix,
)
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError, UsageError

SMALL = "test_efficientnet"


def warm(network: nn.Module, size: int = 64) -> nn.Module:
    """Give batch normalisation statistics that are not those of a fresh network."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                assert tensor is not None
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    return network.eval()


@pytest.mark.parametrize("name", [SMALL, "test_resnet", "resnetv2_18"])
def test_folding_keeps_what_the_network_computes(name: str) -> None:
    network = warm(timm.create_model(name, num_classes=0))
    folded = fold_batch_norm(network, image_size=64)
    photos = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = network(photos)
        torch.testing.assert_close(folded(photos), expected, rtol=1e-3, atol=1e-4)
    assert folded is not network
    before, after = (
        sum(isinstance(module, nn.BatchNorm2d) for module in each.modules())
        for each in (network, folded)
    )
    assert after < before


def test_folding_keeps_the_activation() -> None:
    network = warm(timm.create_model(SMALL, num_classes=0))
    folded = fold_batch_norm(network, image_size=64)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.SiLU | nn.ReLU) for module in folded.modules())


def test_a_wrong_guess_leaves_the_network_as_it_was() -> None:
    class Misleading(nn.Module):
        """Lists the normalisation after the convolution, and applies it before."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3)
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.conv(self.norm(x)).mean((2, 3))  # type: ignore[no-any-return]

    network = warm(Misleading())
    assert fold_batch_norm(network, image_size=16) is network


def test_the_photo_network_normalises() -> None:
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    photos = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), dtype=np.uint8)
    network = PhotoNetwork(nn.Identity(), Preprocessing(5, "bicubic", mean, std))
    got = network(torch.from_numpy(photos)).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, (photos / 255 - mean) / std, atol=1e-5)


def test_local_weights_are_loaded_with_or_without_their_classifier(tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = timm.create_model(SMALL, num_classes=7).eval()
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    photos = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = whole.forward_head(whole.forward_features(photos), pre_logits=True)
    whole.reset_classifier(0)
    save_file(whole.state_dict(), tmp_path / "bare.safetensors")
    digests = set()
    for file in ("whole", "bare"):
        path = tmp_path / f"{file}.safetensors"
        network, preprocessing, weights = build_network(SMALL, weights=path)
        with torch.inference_mode():
            torch.testing.assert_close(network(photos), expected)
        assert preprocessing.image_size == network.pretrained_cfg["input_size"][-1]  # type: ignore[index]
        assert weights.path == str(path)
        digests.add(weights.sha256)
    assert len(digests) == 2


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    state = timm.create_model(SMALL, num_classes=0).state_dict()
    state.pop("conv_stem.weight")
    save_file(state, path)
    with pytest.raises(LongtailorError, match=r"does not fit .*conv_stem\.weight") as caught:
        build_network(SMALL, weights=path)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"\x80\x04a pickle.")
    with pytest.raises(LongtailorError, match="is no safetensors file"):
        build_network(SMALL, weights=path)
    with pytest.raises(LongtailorError, match="cannot be read"):
        build_network(SMALL, weights=tmp_path / "none.safetensors")


def test_an_unknown_name_is_a_usage_error_with_a_hint() -> None:
    with pytest.raises(
        UsageError, match=r"no encoder is called efficientnet_lite1.*efficientnet_lite"
    ):
        build_network("efficientnet_lite1x")


def test_a_hub_that_cannot_be_reached_gives_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def unreachable(name: str, pretrained: bool = False, **options: object) -> nn.Module:
        if pretrained:
            raise ConnectionError("no route to host\nand a long story")
        return create(name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(networks.timm, "create_model", unreachable)
    with pytest.raises(
        LongtailorError, match=r"weights of resnet18 .*no route to host\)"
    ) as caught:
        build_network("resnet18")
    assert "\n" not in str(caught.value)


def test_a_hub_models_weights_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    digests = []
    for seed in (0, 0, 1):

        def from_hub(
            name: str, pretrained: bool = False, seed: int = seed, **options: object
        ) -> nn.Module:
            torch.manual_seed(seed)
            return create(name, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(networks.timm, "create_model", from_hub)
        digests.append(build_network(SMALL)[2].sha256)
    assert digests[0] == digests[1] != digests[2]


def test_the_image_size_can_be_stated(tmp_path: Path) -> None:
    network, preprocessing, _ = build_network("efficientnet_lite0", image_size=96)
    assert preprocessing.image_size == 96
    vit = timm.create_model("test_vit", img_size=96, num_classes=0)
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    network, preprocessing, _ = build_network(
        "test_vit", weights=tmp_path / "vit.safetensors", image_size=96
    )
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 96, 96)).shape == (1, vit.num_features)


def test_an_image_size_that_leaves_nothing_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="image size of 16 is too small"):
        build_network("efficientnet_lite0", image_size=16)


def test_photos_are_resized_as_pillow_does() -> None:
    # Far enough from 0 and 255: Pillow cuts off at these in between, too.
    pixels = np.random.default_rng(0).integers(80, 176, (60, 60, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((40, 40), Image.Resampling.BICUBIC))
    matrix = resizing_matrix(60, 40)
    got = matrix @ torch.from_numpy(pixels).permute(2, 0, 1).float() @ matrix.T
    got = got.clamp(0.0, 255.0).permute(1, 2, 0).numpy()
    # Pillow rounds to whole numbers, and does so twice.
    assert np.abs(got - expected).max() <= 1.5


def test_joined_networks_speak_side_by_side() -> None:
    half = (0.5, 0.5, 0.5)

    class Mean(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.mean(dim=(2, 3))

    large, small = (
        PhotoNetwork(Mean(), Preprocessing(size, "bicubic", half, std))
        for size, std in ((32, half), (16, (0.25, 0.25, 0.25)))
    )
    photos = torch.full((2, 32, 32, 3), 255, dtype=torch.uint8)
    photos[1] = 0
    joined = JoinedPhotoNetwork([small, large])
    assert joined.image_size == 32
    expected = torch.tensor([[2.0] * 3 + [1.0] * 3, [-2.0] * 3 + [-1.0] * 3])
    torch.testing.assert_close(joined(photos), expected)
