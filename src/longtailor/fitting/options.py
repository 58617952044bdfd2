"""How to fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from longtailor.catalog import MODALITIES
from longtailor.encoders import (
    DEFAULT_ENCODER,
    DEFAULT_TEXT_ENCODER,
)
from longtailor.errors import UsageError
from longtailor.labels import Bands
from longtailor.training.auto import RECIPE
from longtailor.training.deep.options import FineTuning
from longtailor.training.search import parse_objective

MIN_POSITIVES = 2
BOTH = "both"
INPUTS = (*MODALITIES, BOTH)
TUNED_FOR_RECIPE = "none"
"""What the encoder is fine-tuned with where the recipe `auto` is fitted to its embeddings."""


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes
    ----------
    objective : str
        A name of the family, with parameters.
    encoder : str
        Of images.
    min_positives : int
        Labels with fewer training positives are left out, and listed.
    bands : Bands
    seed : int
        Seed of the splits, of the choice of thresholds, and of the bootstrap.
    strict : bool
        Fail on an image that cannot be decoded, instead of listing it.
    text_encoder : str
    inputs : str, optional
        What to learn from: one of `INPUTS`. Default: what the catalogue has.
    finetune : FineTuning, optional
        How to train the encoder and the classifier end to end. Default: the encoder stays frozen.
    precision : float, optional
        Thresholds promise this precision (`longtailor.evaluation.promises`) instead of aiming at
        F1, and labels that cannot promise it are never predicted.

    Raises
    ------
    UsageError
        If `precision` is not between 0 and 1.
    """

    objective: str = "none"
    encoder: str = DEFAULT_ENCODER
    min_positives: int = MIN_POSITIVES
    bands: Bands = field(default_factory=Bands)
    seed: int = 0
    strict: bool = False
    text_encoder: str = DEFAULT_TEXT_ENCODER
    inputs: str | None = None
    finetune: FineTuning | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.precision is not None and not 0 < self.precision < 1:
            raise UsageError(
                f"--precision {self.precision:g}: give a share between 0 and 1, such as 0.9"
            )


def default_objective(finetune: FineTuning | None = None) -> str:
    """Give what is fitted where nothing is asked for."""
    return RECIPE if finetune is None else "none"


def before_tuning(options: FitOptions) -> FitOptions:
    """Give the options of the fit that a fine-tuning starts from; without one, the options.

    Raises
    ------
    UsageError
        If fine-tuning makes no sense with them.
    """
    if options.finetune is None or parse_objective(options.objective)[0] != RECIPE:
        return options
    if options.precision is not None:
        raise UsageError(
            "--precision needs val for its promise, and auto needs it to choose by after a "
            "fine-tuning: give another --objective, such as none"
        )
    return replace(options, objective=TUNED_FOR_RECIPE)


def configuration(options: FitOptions) -> dict[str, Any]:
    """Give the options as JSON can hold them."""
    return {
        "objective": options.objective,
        "encoder": options.encoder,
        "min_positives": options.min_positives,
        "bands": str(options.bands),
        "seed": options.seed,
        "strict": options.strict,
        "text_encoder": options.text_encoder,
        "inputs": options.inputs,
        "finetune": None if options.finetune is None else asdict(options.finetune),
        "precision": options.precision,
    }
