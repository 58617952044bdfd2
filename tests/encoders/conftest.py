from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.encoders.encoder import Embedding, Encoder, Weights
from longtailor.encoders.preprocessing import Pixels, Preprocessing


class Averages:
    """A backend without a network: the mean and the largest value of each channel."""

    name = "averages"
    dim = 6

    def __init__(self) -> None:
        self.seen = 0
        self.lock = threading.Lock()

    def __call__(self, batch: Pixels) -> Embedding:
        with self.lock:
            self.seen += len(batch)
        means, most = batch.mean(axis=(1, 2)), batch.max(axis=(1, 2))
        return np.concatenate([means, most], axis=1).astype(np.float32)


def averages(name: str = "averages", image_size: int = 16) -> Encoder:
    preprocessing = Preprocessing(image_size, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return Encoder(name, Averages.dim, Weights("0" * 64), preprocessing, Averages())


@pytest.fixture
def make_encoder() -> Callable[..., Encoder]:
    """Makes encoders that need no network."""
    return averages


@pytest.fixture
def encoder() -> Encoder:
    return averages()


def draw(folder: Path, count: int, *, start: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number in range(start, start + count):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def draw_photos() -> Callable[..., list[Path]]:
    """Draws different photos into a folder."""
    return draw


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Ten different photos."""
    return draw(tmp_path / "photos", 10)
