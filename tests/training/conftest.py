from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch


@dataclass(frozen=True)
class Problem:
    """Embeddings like pooled ReLU features, and labels that an affine function explains in part."""

    embeddings: torch.Tensor
    matrix: np.ndarray

    @property
    def targets(self) -> torch.Tensor:
        return torch.from_numpy(self.matrix).float()


@pytest.fixture(scope="session")
def problem() -> Problem:
    random = np.random.default_rng(0)
    products, dim, labels = 500, 30, 6
    embeddings = random.normal(size=(products, 5)) @ random.normal(size=(5, dim))
    embeddings += 0.7 * random.normal(size=embeddings.shape)
    embeddings = np.maximum(embeddings, 0).astype(np.float32)
    scores = embeddings @ random.normal(size=(dim, labels))
    scores = 2 * (scores - scores.mean(axis=0)) / scores.std(axis=0) - np.linspace(4, 0, labels)
    matrix = (random.random(scores.shape) < 1 / (1 + np.exp(-scores))).astype(np.int8)
    return Problem(torch.from_numpy(embeddings), matrix)
