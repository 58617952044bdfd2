from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from longtailor.encoders import packaged
from longtailor.encoders.packaged import PACKAGES, build_packaged
from longtailor.errors import LongtailorError


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite2"])
def test_timms_network_equals_the_packages_own(name: str) -> None:
    package = PACKAGES[name]
    pytest.importorskip(package.distribution.replace("-", "_"))
    size = package.image_size
    theirs = EfficientNet.from_pretrained(
        name.replace("_", "-"), weights_path=str(packaged._find(package))
    ).eval()
    ours, _ = build_packaged(name)
    photos = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected, got = theirs(photos), ours.eval()(photos)
        features = theirs.extract_features(photos).mean((2, 3))
        ours.reset_classifier(0)  # type: ignore[operator]
        pooled = ours(photos)
    assert expected.std() > 0.1
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(pooled, features, rtol=0, atol=1e-4)


def test_the_normalisation_is_the_original_one() -> None:
    preprocessing = PACKAGES["efficientnet_lite0"].preprocessing
    for pixel in (0, 127, 255):
        got = (pixel / 255 - preprocessing.mean[0]) / preprocessing.std[0]
        assert got == pytest.approx((pixel - 127) / 128)


def test_a_tampered_file_is_refused_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "weights.pth"
    shutil.copy(packaged._find(PACKAGES["efficientnet_lite0"]), copy)
    with copy.open("r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)[0]
        file.seek(1_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setattr(packaged, "_find", lambda package: copy)

    def load(*_: object, **__: object) -> None:
        raise AssertionError("a tampered file was loaded")

    monkeypatch.setattr(torch, "load", load)
    with pytest.raises(LongtailorError, match=r"weights\.pth is not the released file") as caught:
        build_packaged("efficientnet_lite0")
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = dataclasses.replace(PACKAGES["efficientnet_lite2"], distribution="no-such-package")
    monkeypatch.setitem(packaged.PACKAGES, "efficientnet_lite2", absent)
    with pytest.raises(LongtailorError, match="pip install no-such-package"):
        build_packaged("efficientnet_lite2")
