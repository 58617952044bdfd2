"""Fine-tune the encoder of a catalogue, from the solution of the frozen classifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import save_file

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.classifiers import LinearClassifier
from longtailor.encoders import AnyEncoder
from longtailor.files import replacing
from longtailor.objectives import AnyObjective, build_for
from longtailor.training.deep.data import Learned
from longtailor.training.deep.network import TrainedNetwork
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.sampling import repeat_factors, sampled_statistics
from longtailor.training.deep.train import Outcome, Task, fine_tune
from longtailor.training.search import Fit

WEIGHTS = "encoder.safetensors"


@dataclass(frozen=True, eq=False)
class Tuned:
    """An encoder and a classifier that were trained end to end.

    Attributes
    ----------
    encoder : Encoder or TextEncoder
    weights : Path
        Its safetensors file.
    classifier : LinearClassifier
    objective : Objective or ObjectiveByAttribute
        As it was built for the products that were shown.
    curves : dict
        See `longtailor.training.deep.train.Outcome`; and `notes` on how it was trained.
    """

    encoder: AnyEncoder
    weights: Path
    classifier: LinearClassifier
    objective: AnyObjective
    curves: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Setting:
    """All of a fine-tuning that does not depend on what is learned from.

    Attributes
    ----------
    catalog : Catalog
        Every product in a split, with what is learned from.
    fit : Fit
        The classifier that was fitted on the frozen encoder's embeddings, to start from, and its
        objective.
    bands : ndarray of str, shape (labels,)
    options : FineTuning
    folder : Path
        Where pixels, checkpoints and logs go. The weights are kept there.
    seed, resume, begun
        See `longtailor.training.deep.train.fine_tune`.
    """

    catalog: Catalog
    fit: Fit
    bands: npt.NDArray[np.str_]
    options: FineTuning
    folder: Path
    seed: int = 0
    resume: bool = False
    begun: float | None = None

    @property
    def classifier(self) -> LinearClassifier:
        """The classifier to start from."""
        assert isinstance(self.fit.classifier, LinearClassifier)
        return self.fit.classifier

    def of(self, split: str, values: list[Any] | tuple[Any, ...]) -> list[Any]:
        """Give the values of the products of a split."""
        inside = self.catalog.in_split(split)
        return [value for value, is_in in zip(values, inside, strict=True) if is_in]

    def tune(self, network: TrainedNetwork, learned: Learned) -> tuple[Outcome, AnyObjective, Path]:
        """Train; give what it came to, the objective, and the file of the encoder's weights."""
        catalog, fit, options = self.catalog, self.fit, self.options
        matrix = catalog.matrix[catalog.in_split(TRAIN)]
        measured = catalog.in_split(VAL) | catalog.in_split(TEST)
        factors = repeat_factors(matrix, options.repeat_below)
        objective = build_for(
            fit.specification, catalog.space, statistics=sampled_statistics(matrix, factors)
        )
        outcome = fine_tune(
            Task(
                network,
                objective,
                learned,
                matrix,
                catalog.matrix[catalog.in_split(VAL)],
                self.of(TRAIN, catalog.ids),
                self.bands,
                fit.competing,
            ),
            options,
            self.folder,
            seed=self.seed,
            resume=self.resume,
            begun=self.begun,
            products_after=int(measured.sum()),
        )
        weights = self.folder / WEIGHTS
        with replacing(weights) as temporary:
            save_file(outcome.encoder, temporary)
        # The weights of classes that were in force when the weights of the network were kept.
        objective.set_epoch(outcome.curves["best_epoch"] - 1)
        return outcome, objective.eval(), weights
