from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.training.deep.augmentation import Augmentation
from longtailor.training.deep.data import EpochBatches, ResumableLoader
from longtailor.training.deep.photos import TrainingPhotos
from longtailor.training.deep.pixels import Photos
from longtailor.training.deep.sampling import Order

ORDER = Order(np.ones(26), 8, seed=5)


@pytest.fixture
def training(tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", random.integers(0, 256, (26, 36, 36, 3), dtype=np.uint8))
    photos = Photos(tmp_path / "a.npy", random.integers(-1, 2, (26, 3)).astype(np.int8))
    return TrainingPhotos(photos, Augmentation(("crop", "flip", "colour")), 32, seed=1)


def products(loader):
    return [batch[2].tolist() for batch in loader]


def test_processes_share_each_batch_out():
    whole = list(EpochBatches(ORDER, 0, 1))
    parts = [list(EpochBatches(ORDER, rank, 2)) for rank in range(2)]
    assert [len(batch) for batch in whole] == [8, 8, 8]
    for number, batch in enumerate(whole):
        assert sorted(parts[0][number] + parts[1][number]) == sorted(batch)
        assert len(parts[0][number]) == len(parts[1][number]) == 4


def test_a_loader_goes_on_with_the_batch_after_the_last_that_it_gave(training):
    loader = ResumableLoader(training, EpochBatches(ORDER, 0, 1))
    whole = list(loader)
    given = iter(loader)
    next(given), next(given)
    state = loader.state_dict()
    assert state == {"given": 2}
    again = ResumableLoader(training, EpochBatches(ORDER, 0, 1))
    again.load_state_dict(state)
    rest = list(again)
    assert len(rest) == 1
    assert torch.equal(rest[0][0], whole[2][0])
    assert torch.equal(rest[0][1], whole[2][1])
    # The next epoch begins at its beginning.
    assert again.state_dict() == {"given": 0}
    again.batches.sampler.set_epoch(1)
    assert len(list(again)) == 3
    assert products(again) != products(loader)
