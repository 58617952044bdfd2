from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from longtailor import Detector
from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders import load_text_encoder
from longtailor.labels import LabelSpace

LABELS = ("sleeve:cap", "sleeve:long", "sleeve:puff", "detail:bow", "detail:frill")


class ThumbnailNetwork(nn.Module):
    """What the light encoder of the tests does, as a network."""

    def forward(self, photos: Tensor) -> Tensor:
        fields = photos.reshape(-1, 4, 4, 4, 4, 3).float() / 255
        means = fields.mean(dim=(2, 4))
        spread = (fields - means[:, :, None, :, None]).square().mean(dim=(2, 4)).sqrt()
        return torch.cat([means.flatten(1), spread.flatten(1)], dim=1)


@pytest.fixture
def thumbnails(light_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The light encoder, which can be exported."""
    from longtailor.export import network

    real = network.build
    monkeypatch.setattr(
        network, "build", lambda one: ThumbnailNetwork() if one is light_encoder else real(one)
    )
    return light_encoder


@pytest.fixture
def make_detector(thumbnails: Any) -> Callable[..., Detector]:
    """Makes detectors of five labels with random weights."""

    def make(encoders: dict[str, Any] | None = None, **more: Any) -> Detector:
        encoders = encoders or {"image": thumbnails}
        blocks = [Block(one.dim, root=name == "image") for name, one in encoders.items()]
        dim = sum(block.dim for block in blocks)
        random = torch.Generator().manual_seed(0)
        classifier = LinearClassifier(
            4 * torch.randn(len(LABELS), dim, generator=random),
            torch.randn(len(LABELS), generator=random),
            blocks,
            torch.randn(dim, generator=random) / dim**0.5,
        )
        settings: dict[str, Any] = {
            "classifier": classifier,
            "thresholds": np.array([0.5, 0.4, 0.2, 0.7, 0.0]),
            "encoders": encoders,
            "correction": np.array([0.5, -0.5, 1.0, 0.0, 2.0]),
            **more,
        }
        return Detector(LabelSpace(LABELS, ["sleeve"]), **settings)

    return make


@pytest.fixture
def tiny_text_encoder(tiny_text_model: Path) -> Any:
    """A small network of texts with random weights, loaded from a folder."""
    return load_text_encoder(str(tiny_text_model), backend="torch")
