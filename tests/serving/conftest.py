from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image

from longtailor import Detector
from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders import Encoder, TextEncoder
from longtailor.labels import LabelSpace
from longtailor.serving import ServeSettings, create_app

LABELS = ("sleeve:cap", "sleeve:long", "sleeve:puff", "detail:bow")
Serve = Callable[..., TestClient]


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
    """Reads images."""
    return build_detector({"image": light_encoder})


@pytest.fixture
def text_detector(light_text_encoder: TextEncoder) -> Detector:
    return build_detector({"text": light_text_encoder})


@pytest.fixture
def both_detector(light_encoder: Encoder, light_text_encoder: TextEncoder) -> Detector:
    return build_detector({"image": light_encoder, "text": light_text_encoder})


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a detector with some settings, and gives a client of it."""
    with contextlib.ExitStack() as clients:

        def start(detector: Detector, **settings: Any) -> TestClient:
            app = create_app(detector, ServeSettings(**settings))
            return clients.enter_context(
                TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)
            )

        yield start


@pytest.fixture
def client(detector: Detector, serve: Serve) -> TestClient:
    return serve(detector)


@pytest.fixture
def photo() -> Callable[..., bytes]:
    """Draws photos, one a seed, as the content of a file."""

    def draw(seed: int = 0, *, size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).resize(size).save(file, kind)
        return file.getvalue()

    return draw
