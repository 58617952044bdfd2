"""A step of fine-tuning against Lightning's own loop over the same timm network.

python benchmarks/finetune.py [--image-size 160] [--batch-size 32] [--steps 8] [--rounds 3]

Theirs: timm's network as it comes, in eager mode and NCHW, batch normalisation learning, AdamW,
binary cross-entropy, the photos read from memory without any change. Ours: what `fit --finetune`
does in a step, with augmentation, the moving average, gradient clipping and the plan. Both run in
Lightning's trainer, in turns; the fastest step of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from longtailor.classifiers import LinearClassifier
from longtailor.encoders.networks import build_network
from longtailor.objectives import build_from_matrix
from longtailor.training.deep.augmentation import CHANGES, Augmentation
from longtailor.training.deep.averaging import MovingAverage
from longtailor.training.deep.budget import Budget, Plan
from longtailor.training.deep.data import TrainingData
from longtailor.training.deep.module import FineTuned
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.photo_network import TrainedPhotoNetwork
from longtailor.training.deep.photos import MARGIN, LearnedPhotos
from longtailor.training.deep.pixels import DecodedPhotos, SharedPhotos
from longtailor.training.deep.quiet import hushed
from longtailor.training.deep.sampling import Order

LABELS = 26


class Steps(pl.Callback):
    """Seconds from the begin of one step to that of the next."""

    def __init__(self) -> None:
        self.begins: list[float] = []

    def on_train_batch_start(self, *given: Any) -> None:
        """Look at the clock."""
        self.begins.append(time.perf_counter())

    @property
    def seconds(self) -> list[float]:
        """Those of all steps but the first two."""
        return [float(step) for step in np.diff(self.begins)[2:]]


class Plain(pl.LightningModule):
    """The network as Lightning's documentation would train it."""

    def __init__(self, network: nn.Module, dim: int) -> None:
        super().__init__()
        self.network = nn.Sequential(network, nn.Linear(dim, LABELS))

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        """Give the loss."""
        photos, targets = batch
        logits = self.network(photos)
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Give AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=1e-4)


def trainer(steps: int, *callbacks: pl.Callback, **more: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        **more,
    )


def plain_steps(name: str, size: int, batch: int, steps: int) -> list[float]:
    network, _, _ = build_network(name, image_size=size)
    dim = int(network.num_features)  # type: ignore[arg-type]
    photos = torch.randn(batch * (steps + 3), 3, size, size)
    targets = (torch.rand(len(photos), LABELS) < 0.1).float()
    timer = Steps()
    with hushed():
        loader = DataLoader(TensorDataset(photos, targets), batch, shuffle=True)
        trainer(steps + 3, timer).fit(Plain(network.train(), dim), loader)
    return timer.seconds


def our_steps(name: str, size: int, batch: int, steps: int) -> tuple[list[float], float]:
    network, preprocessing, _ = build_network(name, image_size=size)
    count, larger = batch * (steps + 3), round(MARGIN * size)
    random = np.random.default_rng(0)
    matrix = (random.random((count, LABELS)) < 0.1).astype(np.int8)
    matrix[:2] = [[1] * LABELS, [0] * LABELS]
    plan, timer = Plan(steps + 3), Steps()
    dim = int(network.num_features)  # type: ignore[arg-type]
    classifier = LinearClassifier(torch.randn(LABELS, dim), torch.zeros(LABELS))
    module = FineTuned(
        TrainedPhotoNetwork(network, classifier, preprocessing, mirrored=True),
        build_from_matrix("effective_number", matrix),
        FineTuning(image_size=size, batch_size=batch),
        plan,
        [],
        0,
    ).train()
    budget = Budget(plan, None, time.monotonic(), 0, 0)
    with tempfile.TemporaryDirectory() as folder, hushed():
        # As if they were decoded already.
        paths = [Path(str(number)) for number in range(count)]
        pixels = random.integers(0, 256, (count, larger, larger, 3), dtype=np.uint8)
        np.save(Path(folder) / f"all-{larger}.npy", pixels)
        np.save(Path(folder) / f"all-{size}.npy", pixels[:, :size, :size])
        decoded = DecodedPhotos(Path(folder), "all", paths)
        learned = LearnedPhotos(
            paths,
            paths,
            matrix,
            matrix,
            preprocessing,
            Augmentation(CHANGES),
            SharedPhotos(decoded, decoded),
        )
        data = TrainingData(learned, Order(np.ones(count), batch, 0))
        chosen = trainer(
            steps + 3,
            budget,
            MovingAverage(0.99),
            timer,
            gradient_clip_val=1.0,
            use_distributed_sampler=False,
        )
        chosen.fit(module, datamodule=data)
    return timer.seconds, budget.waiting_share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="efficientnet_lite0")
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shape = given.encoder, given.image_size, given.batch_size, given.steps
    plain, ours, shares = [], [], []
    for _ in range(given.rounds):
        plain += plain_steps(*shape)
        seconds, share = our_steps(*shape)
        ours += seconds
        shares.append(share)
    print(f"{given.encoder}, {given.image_size} px, batch {given.batch_size}, ", end="")
    print(f"{torch.get_num_threads()} threads, {len(ours)} steps each")
    for name, times in (("Lightning, timm, eager NCHW", plain), ("fit --finetune", ours)):
        print(f"{name:28s} {min(times):.3f} s a step (median {np.median(times):.3f})")
    print(f"{'ratio':28s} {min(plain) / min(ours):.2f}")
    print(f"{'waiting for data':28s} {min(shares):.1%} of the time between and in steps")


if __name__ == "__main__":
    main()
