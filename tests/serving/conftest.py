from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from longtailor import Detector
from longtailor.classifiers import LinearClassifier
from longtailor.classifiers.linear import Block
from longtailor.encoders import Encoder, TextEncoder
from longtailor.labels import LabelSpace
from longtailor.serving import ServeSettings, create_app

LABELS = ("sleeve:cap", "sleeve:long", "sleeve:puff", "detail:bow")


def build_detector(encoders: dict[str, Any]) -> Detector:
    random = torch.Generator().manual_seed(0)
    blocks = [Block(encoder.dim) for encoder in encoders.values()]
    dim = sum(block.dim for block in blocks)
    return Detector(
        LabelSpace(LABELS, ["sleeve"]),
        LinearClassifier(
            torch.randn(4, dim, generator=random),
            torch.tensor([0.1, 0.2, -0.4, 0.0]),
            blocks,
            torch.full((dim,), 0.1),
        ),
        np.array([0.5, 0.4, 0.2, 0.7]),
        encoders,
        {"name": "none", "settings": {}},
        np.array([0.5, -0.5, 1.0, 0.0]),
    )


@pytest.fixture
def detector(light_encoder: Encoder) -> Detector:
    return build_detector({"image": light_encoder})


@pytest.fixture
def text_detector(light_text_encoder: TextEncoder) -> Detector:
    return build_detector({"text": light_text_encoder})


@pytest.fixture
def both_detector(light_encoder: Encoder, light_text_encoder: TextEncoder) -> Detector:
    return build_detector({"image": light_encoder, "text": light_text_encoder})


Serving = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture
def serving() -> Serving:
    """Gives a client of a detector that is served with some settings."""

    def serve(detector: Detector, **settings: Any) -> TestClient:
        app = create_app(detector, ServeSettings(**settings))
        return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)

    return serve


@pytest.fixture
def client(detector: Detector, serving: Serving) -> Iterator[TestClient]:
    with serving(detector) as client:
        yield client


def photo(seed: int = 0, *, size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, kind)
    return file.getvalue()


def upload(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    """Write photos as the files of a form, `0.png` and so on."""
    return [("images", (f"{at}.png", content)) for at, content in enumerate(contents)]


@pytest.fixture
def saved_photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(photo())
    return path
