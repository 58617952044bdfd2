from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.training.deep.augmentation import Augmentation
from longtailor.training.deep.photos import TrainingPhotos
from longtailor.training.deep.pixels import Photos


@pytest.fixture
def training(tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", random.integers(0, 256, (26, 36, 36, 3), dtype=np.uint8))
    photos = Photos(tmp_path / "a.npy", random.integers(-1, 2, (26, 3)).astype(np.int8))
    return TrainingPhotos(photos, Augmentation(("crop", "flip", "colour")), 32, seed=1)


def test_what_is_done_to_a_photo_depends_on_its_place_alone(training):
    torch.manual_seed(3)
    together = training.__getitems__([(0, 4, 9), (0, 5, 9), (1, 4, 9)])
    apart = training.__getitems__([(0, 5, 9)])
    assert torch.equal(together[0][1], apart[0][0])
    assert not torch.equal(together[0][0], together[0][1])
    assert not torch.equal(together[0][0], together[0][2])
    assert together[0].shape == (3, 3, 32, 32)
    assert together[0].dtype == torch.uint8
    # The process's own random numbers go on as if nothing had happened.
    here = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), here)


def test_targets_are_the_cells_of_the_products(training):
    _, targets, at = training.__getitems__([(0, 0, 7), (0, 1, 3)])
    assert at.tolist() == [7, 3]
    assert targets.tolist() == training.photos.matrix[[7, 3]].tolist()
