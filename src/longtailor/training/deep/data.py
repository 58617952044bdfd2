"""Training batches that can go on in the middle of an epoch, and validation batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import lightning.pytorch as pl
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from longtailor.cores import available_cores
from longtailor.training.deep.network import Inputs
from longtailor.training.deep.sampling import Order

Batch = tuple[Inputs, Tensor, Tensor]
"""What the network takes, targets (B, labels) as float32, and which products they are (B,)."""
Key = tuple[int, int, int]
"""Epoch, position in the epoch, product."""


class Learned(Protocol):
    """The products of train and val, as a network takes them."""

    @property
    def views(self) -> int:
        """How often the network looks at a product that is measured."""
        ...

    @property
    def lengths(self) -> Sequence[int] | None:
        """How long each training product is, where that decides how long a batch takes."""
        ...

    @property
    def measured_in(self) -> Sequence[int]:
        """The products of val in the order in which they are best measured."""
        ...

    def prepare(self) -> None:
        """Do, once on each machine, what takes long."""
        ...

    def training(self, seed: int) -> Dataset[Batch]:
        """Give what makes a batch of a list of keys."""
        ...

    def validation(self) -> Dataset[Batch]:
        """Give what makes a batch of a list of products."""
        ...


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

    def __init__(self, products: Dataset[Batch], batches: EpochBatches, **options: Any) -> None:
        super().__init__(products, batch_sampler=batches, collate_fn=_as_it_is, **options)
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


class TrainingData(pl.LightningDataModule):
    """Training and validation products.

    Parameters
    ----------
    learned : Learned
    order : Order
    """

    def __init__(self, learned: Learned, order: Order) -> None:
        super().__init__()
        self.learned = learned
        self.order = order

    @property
    def _attached(self) -> pl.Trainer:
        assert self.trainer is not None
        return self.trainer

    def prepare_data(self) -> None:
        """Prepare the products on a machine where that was not done yet."""
        self.learned.prepare()

    def train_dataloader(self) -> ResumableLoader:
        """Give this process's part of the training batches."""
        trainer = self._attached
        return ResumableLoader(
            self.learned.training(self.order.seed),
            EpochBatches(self.order, trainer.global_rank, trainer.world_size),
            **self._workers(),
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give this process's part of the validation products, each to one process."""
        trainer = self._attached
        mine = list(self.learned.measured_in)[trainer.global_rank :: trainer.world_size]
        size = self.order.batch_size
        return DataLoader(
            self.learned.validation(),
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
