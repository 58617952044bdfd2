"""Fine-tune an encoder and its classifier with Lightning."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import numpy.typing as npt
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.strategies import DDPStrategy, Strategy
from safetensors.torch import load_file

from longtailor.classifiers import LinearClassifier
from longtailor.errors import LongtailorError, UsageError
from longtailor.labels import LabelMatrix
from longtailor.objectives import AnyObjective
from longtailor.processes import PartDoneError, launched_by_torchrun, launched_rank
from longtailor.training.deep.averaging import MovingAverage
from longtailor.training.deep.budget import Budget, Plan
from longtailor.training.deep.checkpoints import KeepLast, SafetensorsIO
from longtailor.training.deep.data import Learned, TrainingData
from longtailor.training.deep.loggers import build_logger
from longtailor.training.deep.measure import CLASSIFIER, ENCODER, Measure, Validation
from longtailor.training.deep.module import FineTuned
from longtailor.training.deep.network import TrainedNetwork
from longtailor.training.deep.optimizer import rates
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.progress import Progress
from longtailor.training.deep.quiet import hushed
from longtailor.training.deep.sampling import Order, repeat_factors

BEST, LAST, RESULT = "best.safetensors", "last.safetensors", "result.json"


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be learned, and from where.

    Attributes
    ----------
    network : TrainedNetwork
        Encoder and classifier to start from. Their weights are changed.
    objective : Objective or ObjectiveByAttribute
        Built for the statistics of the stream of products (see `sampled_statistics`).
    learned : Learned
        The products of train and val.
    train_matrix, val_matrix : ndarray of int8, shape (products, labels)
    names : sequence of str
        The training products, for errors.
    bands : ndarray of str, shape (labels,)
    competing : list of list of int
        Columns of each attribute whose values compete.
    """

    network: TrainedNetwork
    objective: AnyObjective
    learned: Learned
    train_matrix: LabelMatrix
    val_matrix: LabelMatrix
    names: Sequence[str]
    bands: npt.NDArray[np.str_]
    competing: list[list[int]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fine-tuning came to.

    Attributes
    ----------
    encoder : dict of str to Tensor
        The weights of the best epoch, under the encoder's own names.
    classifier : LinearClassifier
    curves : dict
        `epochs`: a row of figures an epoch; `losses`: pairs of step and training loss;
        `best_epoch`, `steps`, `steps_asked`, `step_seconds`, `waiting_share` (of the training
        time, for data), `training_seconds`, `encoder_rate`, `classifier_rate`.
    """

    encoder: dict[str, torch.Tensor]
    classifier: LinearClassifier
    curves: dict[str, Any]


def fine_tune(
    task: Task,
    options: FineTuning,
    folder: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    begun: float | None = None,
    products_after: int = 0,
) -> Outcome:
    """Train an encoder and its classifier end to end.

    Parameters
    ----------
    task : Task
    options : FineTuning
    folder : Path
        Where pixels, checkpoints and logs go. Can be removed afterwards.
    seed : int
        Seed of the order of the products and of what is done to photos.
    resume : bool
        Go on from the last checkpoint in `folder`, if there is one; it ends with the figures of an
        undisturbed training. Otherwise what is there is removed.
    begun : float, optional
        When the time budget began, by `time.monotonic`. Default: now.
    products_after : int
        Products that the network will look at after the training, which the time budget includes.

    Raises
    ------
    LongtailorError
        If the loss is no longer finite; the batch's products are named.
    PartDoneError
        In all processes that torchrun or SLURM started but the first, when the training has ended.
    """
    first = launched_rank() == 0
    begun = time.monotonic() if begun is None else begun
    if first and not resume:
        shutil.rmtree(folder, ignore_errors=True)
    if not (resume and (folder / RESULT).is_file()):
        last = folder / LAST
        checkpoint = last if resume and last.is_file() else None
        _train(task, options, folder, seed, begun, products_after, checkpoint)
    if not first:
        raise PartDoneError
    weights = load_file(folder / BEST)
    encoder = {
        name.removeprefix(ENCODER): tensor
        for name, tensor in weights.items()
        if name.startswith(ENCODER)
    }
    encoder_rate, classifier_rate = rates(task.network, options)
    return Outcome(
        encoder,
        LinearClassifier(
            weights[f"{CLASSIFIER}weight"],
            weights[f"{CLASSIFIER}bias"],
            task.network.classifier.blocks,
        ),
        {
            **json.loads((folder / RESULT).read_bytes()),
            "encoder_rate": encoder_rate,
            "classifier_rate": classifier_rate,
        },
    )


def _train(
    task: Task,
    options: FineTuning,
    folder: Path,
    seed: int,
    begun: float,
    products_after: int,
    checkpoint: Path | None,
) -> None:
    learned = task.learned
    if launched_rank() == 0:
        # Here and not in Lightning's processes: an error is then told as any other.
        learned.prepare()
    factors = repeat_factors(task.train_matrix, options.repeat_below)
    order = Order(factors, options.batch_size, seed, learned.lengths)
    data, views = TrainingData(learned, order), learned.views
    steps = options.epochs * -(-order.batches // options.accumulate)
    plan = Plan(steps)
    budget = Budget(
        plan, options.time_budget, begun, views * products_after, views * len(task.val_matrix)
    )
    measure = Measure(
        Validation(task.val_matrix, task.bands, task.competing),
        options.monitor,
        budget,
        folder / BEST,
        folder / RESULT,
    )
    module = FineTuned(
        task.network,
        task.objective,
        options,
        plan,
        task.names,
        seed,
    )
    module.train()
    callbacks: list[pl.Callback] = [budget, measure]
    if options.averaging:
        callbacks.append(MovingAverage(options.averaging))
    if options.patience is not None:
        callbacks.append(
            EarlyStopping(f"val_{options.monitor}", mode="max", patience=options.patience)
        )
    callbacks += [Progress(budget, measure), KeepLast(folder / LAST, options.checkpoint_seconds)]
    with hushed():
        trainer = pl.Trainer(
            accelerator="auto",
            devices=options.devices,
            num_nodes=options.nodes,
            strategy=_strategy(options),
            precision=_precision(),
            logger=build_logger(options.logger, folder),
            callbacks=callbacks,
            plugins=[SafetensorsIO()],
            max_epochs=options.epochs,
            accumulate_grad_batches=options.accumulate,
            gradient_clip_val=1.0,
            log_every_n_steps=10,
            num_sanity_val_steps=0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        except SystemExit as stopped:
            # Lightning leaves the process where it is interrupted.
            if isinstance(stopped.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            raise


def _strategy(options: FineTuning) -> Strategy | str:
    processes = options.devices * options.nodes
    if launched_by_torchrun() not in (None, processes):
        raise UsageError(
            f"torchrun started {launched_by_torchrun()} processes, and --devices {options.devices} "
            f"--nodes {options.nodes} asks for {processes}: let them agree"
        )
    if processes == 1:
        return "auto"
    launched = TorchElasticEnvironment.detect() or SLURMEnvironment.detect()
    if options.nodes > 1 and not launched:
        raise LongtailorError(
            "training on several nodes is started on each of them by torchrun or SLURM: "
            f"torchrun --nnodes {options.nodes} --nproc-per-node {options.devices} .."
        )
    return DDPStrategy(
        start_method="popen" if launched else "spawn",
        find_unused_parameters=options.freeze_until > 0,
    )


def _precision() -> Any:
    if not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
