from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.encoders.text_networks import build_text_network
from longtailor.labels import Bands, LabelStatistics
from longtailor.objectives import build
from longtailor.training.deep.augmentation import Augmentation
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.photo_network import TrainedPhotoNetwork
from longtailor.training.deep.photos import LearnedPhotos
from longtailor.training.deep.pixels import DecodedPhotos, SharedPhotos
from longtailor.training.deep.text_network import TrainedTextNetwork
from longtailor.training.deep.tokens import LearnedTexts
from longtailor.training.deep.train import Task

COLOURS = [(220, 40, 40), (40, 200, 60), (50, 60, 220)]
TINY = FineTuning(
    epochs=3, image_size=32, batch_size=8, logger="none", checkpoint_seconds=0.0, averaging=0.9
)


def draw_photos(folder: Path, count: int) -> tuple[list[Path], np.ndarray]:
    """Draw photos whose colour is one label and whose bright half another, and some unknown."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(count)
    matrix = np.zeros((count, 4), np.int8)
    paths = []
    for row in range(count):
        colour, bright = random.integers(0, 3), random.random() < 0.4
        pixels = np.clip(np.array(COLOURS[colour]) + random.integers(-60, 61, (40, 40, 3)), 0, 255)
        if bright:
            pixels[:20] = 250
        matrix[row, colour] = 1
        matrix[row, 3] = -1 if random.random() < 0.2 else int(bright)
        paths.append(folder / f"{row}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(paths[-1])
    return paths, matrix


def tiny_network() -> torch.nn.Module:
    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", num_classes=0)
    # As if it had been trained: statistics that are not the ones it starts with.
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(8, 3, 32, 32) + torch.randn(8, 3, 1, 1))
    return network.eval()


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("photos")
    return draw_photos(folder / "train", 44), draw_photos(folder / "val", 21)


@pytest.fixture
def make_task(photos: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Task]:
    """Makes a task with fresh weights: 44 products to learn from, 21 to validate on."""
    (train, train_matrix), (val, val_matrix) = photos
    decoded = tmp_path_factory.mktemp("decoded")

    def make(objective: str = "none", changes: tuple[str, ...] = ("crop", "flip")) -> Task:
        network = tiny_network()
        with torch.no_grad():
            dim = network(torch.zeros(1, 3, 32, 32)).shape[1]
        statistics = LabelStatistics.from_matrix(train_matrix)
        random = torch.Generator().manual_seed(0)
        squash = Preprocessing(32, "bilinear", (0.5,) * 3, (0.5,) * 3)
        classifier = LinearClassifier(torch.randn(4, dim, generator=random), torch.zeros(4))
        augmentation = Augmentation(changes)
        return Task(
            TrainedPhotoNetwork(network, classifier, squash, mirrored=augmentation.flips),
            build(objective, statistics=statistics),
            LearnedPhotos(
                train,
                val,
                train_matrix,
                val_matrix,
                squash,
                augmentation,
                SharedPhotos(
                    DecodedPhotos(decoded, "train", train), DecodedPhotos(decoded, "val", val)
                ),
            ),
            train_matrix,
            val_matrix,
            [f"p{number}" for number in range(len(train))],
            Bands.parse("thirds").assign(statistics.positive),
            [],
        )

    return make


@pytest.fixture
def tiny() -> Callable[..., FineTuning]:
    """Makes options for a training of seconds."""
    return lambda **more: replace(TINY, **more)


def draw_texts(count: int) -> tuple[list[list[int]], np.ndarray]:
    """Draw texts as tokens: a word of the first or last place is a label, and some are unknown."""
    random = np.random.default_rng(count)
    texts = [[2, *random.integers(4, 10, random.integers(2, 9)).tolist(), 3] for _ in range(count)]
    matrix = np.array(
        [[4 in text, 5 in text, text[1] == 6, text[-2] == 7] for text in texts], np.int8
    )
    matrix[random.random(matrix.shape) < 0.2] = -1
    return texts, matrix


@pytest.fixture
def make_text_task(tiny_text_model: Path) -> Callable[..., Task]:
    """Makes a task of texts with fresh weights: 44 products to learn from, 21 to validate on."""
    (train, train_matrix), (val, val_matrix) = draw_texts(44), draw_texts(21)

    def make(objective: str = "none") -> Task:
        network, _, _, _ = build_text_network(str(tiny_text_model))
        statistics = LabelStatistics.from_matrix(train_matrix)
        random = torch.Generator().manual_seed(0)
        classifier = LinearClassifier(
            torch.randn(4, 32, generator=random), torch.zeros(4), [Block(32, root=False)]
        )
        return Task(
            TrainedTextNetwork(network, classifier),
            build(objective, statistics=statistics),
            LearnedTexts(train, val, train_matrix, val_matrix),
            train_matrix,
            val_matrix,
            [f"p{number}" for number in range(len(train))],
            Bands.parse("thirds").assign(statistics.positive),
            [],
        )

    return make
