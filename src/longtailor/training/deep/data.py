"""Training batches that can go on in the middle of an epoch, and validation batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from longtailor.cores import available_cores
from longtailor.training.deep.augmentation import Augmentation
from longtailor.training.deep.pixels import Photos
from longtailor.training.deep.sampling import Order

Batch = tuple[Tensor, Tensor, Tensor]
"""Photos (B, 3, H, W) as uint8 in channels-last memory, targets (B, labels) as float32, and which
products they are (B,)."""
Key = tuple[int, int, int]
"""Epoch, position in the epoch, product."""

LARGE_PRIME = 1_000_003


class TrainingPhotos(Dataset[Batch]):
    """Augmented photos. What is done to one depends on seed, epoch and position alone."""

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


class EpochBatches:
    """The part of each batch of an epoch that this process gets, from a given batch on."""

    def __init__(self, order: Order, rank: int, processes: int) -> None:
        self.order = order
        self.rank = rank
        self.processes = processes
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return self.order.batches

    @property
    def sampler(self) -> EpochBatches:
        """Where Lightning looks for what wants to be told the epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that begins."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        size = self.order.batch_size
        epoch = self.epoch
        for number, batch in enumerate(self.order.epoch(epoch)):
            if number >= self.start:
                keys = [
                    (epoch, number * size + at, int(product)) for at, product in enumerate(batch)
                ]
                yield keys[self.rank :: self.processes]


class ResumableLoader(DataLoader[Batch]):
    """A loader that knows how many batches of which epoch it has given."""

    def __init__(self, photos: TrainingPhotos, batches: EpochBatches, **options: Any) -> None:
        super().__init__(photos, batch_sampler=batches, collate_fn=_as_it_is, **options)
        self.batches = batches
        self.given = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        # Lightning makes the iterator first and tells the epoch then; this body runs last.
        self.given = self.batches.start
        for batch in super().__iter__():
            self.given += 1
            if self.given == len(self.batches):
                self.batches.start = 0
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Say where the loader is; a finished epoch is the start of the next."""
        return {"given": self.given % len(self.batches)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin at a batch."""
        self.batches.start = state["given"]


def _as_it_is(batch: Any) -> Any:
    # `__getitems__` has made a batch of them already.
    return batch


class PhotoData(pl.LightningDataModule):
    """Training and validation photos.

    Parameters
    ----------
    train, val : Photos
    augmentation : Augmentation
    order : Order
    image_size : int
    """

    def __init__(
        self,
        train: Photos,
        val: Photos,
        augmentation: Augmentation,
        order: Order,
        image_size: int,
    ) -> None:
        super().__init__()
        self.train = train
        self.val = val
        self.augmentation = augmentation
        self.order = order
        self.image_size = image_size

    @property
    def _attached(self) -> pl.Trainer:
        assert self.trainer is not None
        return self.trainer

    def train_dataloader(self) -> ResumableLoader:
        """Give this process's part of the training batches."""
        trainer = self._attached
        return ResumableLoader(
            TrainingPhotos(self.train, self.augmentation, self.image_size, self.order.seed),
            EpochBatches(self.order, trainer.global_rank, trainer.world_size),
            **self._workers(),
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give this process's part of the validation products, each to one process."""
        trainer = self._attached
        mine = list(range(trainer.global_rank, len(self.val), trainer.world_size))
        size = self.order.batch_size
        return DataLoader(
            ValidationPhotos(self.val),
            batch_sampler=[mine[at : at + size] for at in range(0, len(mine), size)],
            collate_fn=_as_it_is,
            **self._workers(),
        )

    def _workers(self) -> dict[str, Any]:
        """Use the cores for decoding where the network runs elsewhere."""
        if self._attached.strategy.root_device.type == "cpu":
            return {"num_workers": 0}
        share = max(available_cores() // self._attached.num_devices - 1, 1)
        return {"num_workers": min(share, 8), "pin_memory": True, "persistent_workers": True}
