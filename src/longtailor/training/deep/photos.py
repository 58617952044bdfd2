"""Batches of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from longtailor.encoders.preprocessing import Preprocessing
from longtailor.labels import LabelMatrix
from longtailor.training.deep.augmentation import CROP, Augmentation
from longtailor.training.deep.data import Batch, Key
from longtailor.training.deep.pixels import Photos, SharedPhotos

LARGE_PRIME = 1_000_003
MARGIN = 1.125
"""Photos to be cropped are decoded so much larger than the network sees them."""


class TrainingPhotos(Dataset[Batch]):
    """Augmented photos, uint8 (B, 3, H, W) in channels-last memory.

    What is done to one depends on seed, epoch and position alone.
    """

    def __init__(
        self, photos: Photos, augmentation: Augmentation, image_size: int, seed: int
    ) -> None:
        self.photos = photos
        self.change = augmentation.build(image_size)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.photos)

    def __getitems__(self, keys: list[Key]) -> Batch:
        """Give a batch."""
        changed = []
        with torch.random.fork_rng(devices=[]):
            for epoch, position, product in keys:
                torch.manual_seed((self.seed * LARGE_PRIME + epoch) * LARGE_PRIME + position)
                photo = torch.from_numpy(self.photos.take(product))
                changed.append(self.change(photo.permute(2, 0, 1)))
        products = [product for _, _, product in keys]
        return (
            torch.stack(changed).contiguous(memory_format=torch.channels_last),
            torch.from_numpy(self.photos.matrix[products].astype(np.float32)),
            torch.tensor(products),
        )


class ValidationPhotos(Dataset[Batch]):
    """Photos as they are."""

    def __init__(self, photos: Photos) -> None:
        self.photos = photos

    def __len__(self) -> int:
        return len(self.photos)

    def __getitems__(self, products: list[int]) -> Batch:
        """Give a batch."""
        pixels = torch.from_numpy(self.photos.take(products))
        return (
            pixels.permute(0, 3, 1, 2),
            torch.from_numpy(self.photos.matrix[products].astype(np.float32)),
            torch.tensor(products),
        )


@dataclass(frozen=True, eq=False)
class LearnedPhotos:
    """Products that are learned from their photos. See `longtailor.training.deep.data.Learned`.

    Attributes
    ----------
    train, val : sequence of Path
        Photos of the splits.
    train_matrix, val_matrix : ndarray of int8, shape (products, labels)
    preprocessing : Preprocessing
        At the size that is trained at.
    augmentation : Augmentation
    shared : SharedPhotos
        Where they are decoded.
    """

    train: Sequence[Path]
    val: Sequence[Path]
    train_matrix: LabelMatrix
    val_matrix: LabelMatrix
    preprocessing: Preprocessing
    augmentation: Augmentation
    shared: SharedPhotos

    @property
    def views(self) -> int:
        """Photos that may be mirrored are looked at twice."""
        return 2 if self.augmentation.flips else 1

    @property
    def lengths(self) -> None:
        """Photos are all of one size."""
        return None

    @property
    def measured_in(self) -> range:
        """The products of val."""
        return range(len(self.val))

    def prepare(self) -> None:
        """Decode the photos."""
        self._train_photos()
        self._val_photos()

    def training(self, seed: int) -> TrainingPhotos:
        """Give what makes training batches."""
        size = self.preprocessing.image_size
        return TrainingPhotos(self._train_photos(), self.augmentation, size, seed)

    def validation(self) -> ValidationPhotos:
        """Give what makes validation batches."""
        return ValidationPhotos(self._val_photos())

    def _train_photos(self) -> Photos:
        larger = round(MARGIN * self.preprocessing.image_size)
        cropped = CROP in self.augmentation.changes
        decoded = replace(self.preprocessing, image_size=larger) if cropped else self.preprocessing
        return self.shared.learned.photos(self.train, self.train_matrix, decoded, "training images")

    def _val_photos(self) -> Photos:
        return self.shared.measured.photos(
            self.val, self.val_matrix, self.preprocessing, "validation images"
        )
