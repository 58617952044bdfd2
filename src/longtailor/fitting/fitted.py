"""From a catalogue to a detector and what it can do: the main job, without writing anything."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.detector import Detector
from longtailor.encoders import (
    DEFAULT_ENCODER,
    DEFAULT_TEXT_ENCODER,
)
from longtailor.evaluation.metrics import Evaluation, evaluate
from longtailor.fitting.annotated import lay_file
from longtailor.fitting.classifier import fit_detector
from longtailor.fitting.embedded import Embedded, drop_rare, embed_products
from longtailor.fitting.options import MIN_POSITIVES, FitOptions, before_tuning, default_objective
from longtailor.fitting.stopwatch import Stopwatch
from longtailor.fitting.tuned import over_budget, tune_detector
from longtailor.labels import Bands, LabelSpace
from longtailor.progress import track
from longtailor.training import Fit
from longtailor.training.deep.options import FineTuning

if TYPE_CHECKING:
    from longtailor.training.deep.tune import Tuned

Floats = npt.NDArray[np.float64]


@dataclass(eq=False)
class Fitted:
    """A detector, what it was made from, and what it can do.

    Attributes
    ----------
    detector : Detector
    data : Embedded
    fit : Fit
    bands : ndarray of str, shape (labels,)
    evaluations : dict of str to Evaluation
        By split: val and test.
    probabilities : dict of str to ndarray
        By split: as the objective made them, shape (products of the split, labels).
    warnings : list of str
    tuned : Tuned, optional
        What a fine-tuning came to. The embeddings of `data` are then the tuned encoder's, of val
        and test alone or, where the recipe `auto` was fitted to them, of all products.
    start : Fit, optional
        What the fine-tuning started from. It is `fit` too, but for the recipe `auto`.
    frozen : dict of str to Evaluation
        By split: what `start` could do.
    """

    detector: Detector
    data: Embedded
    fit: Fit
    bands: npt.NDArray[np.str_]
    evaluations: dict[str, Evaluation]
    probabilities: dict[str, Floats]
    warnings: list[str] = field(default_factory=list)
    tuned: Tuned | None = None
    start: Fit | None = None
    frozen: dict[str, Evaluation] = field(default_factory=dict)


def fit(
    catalog: Catalog,
    *,
    objective: str | None = None,
    encoder: str = DEFAULT_ENCODER,
    min_positives: int = MIN_POSITIVES,
    bands: str | Bands = "100,20",
    seed: int = 0,
    strict: bool = False,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
    finetune: FineTuning | None = None,
    folder: Path | None = None,
    precision: float | None = None,
    annotations: str | os.PathLike[str] | None = None,
) -> Detector:
    """Fit a detector to a catalogue.

    Parameters
    ----------
    catalog : Catalog
        Splits that it does not give are carved.
    objective : str, optional
        A name of the family with parameters, such as `effective_number:beta=0.999`, or the recipe
        `auto` (`longtailor.training.auto`). Default: `auto`; where the encoder is fine-tuned, which
        needs a loss, `none`.
    encoder : str
        See `longtailor.encoders.load_encoder`.
    min_positives : int
        Labels with fewer training positives are left out.
    bands : str or Bands
        `"100,20"`, `"thirds"`.
    seed : int
        Seed of all random choices.
    strict : bool
        Fail on an image that cannot be decoded, instead of leaving the product out.
    text_encoder : str
        See `longtailor.encoders.load_text_encoder`.
    inputs : {"image", "text", "both"}, optional
        What to learn from. Default: what the catalogue has.
    finetune : FineTuning, optional
        How to train encoder and classifier end to end. Default: the encoder stays frozen.
    folder : Path, optional
        Where a fine-tuning keeps weights, checkpoints and logs; the detector needs the weights
        until it is saved.
    precision : float, optional
        Choose thresholds that promise this precision; labels that cannot are never predicted.
    annotations : path, optional
        A file of reviewers' decisions, laid over the catalogue: see
        `longtailor.catalog.annotations.lay_over`. Test products keep the labels they have.

    Raises
    ------
    LongtailorError
        If nothing can be learned from the catalogue.
    """
    options = FitOptions(
        default_objective(finetune) if objective is None else objective,
        encoder,
        min_positives,
        Bands.parse(bands) if isinstance(bands, str) else bands,
        seed,
        strict,
        text_encoder,
        inputs,
        finetune,
        precision,
    )
    data = embed_products(catalog, options)
    if annotations is not None:
        data = lay_file(data, annotations, options).data
    data = drop_rare(data, data.catalog.statistics(TRAIN).positive, options.min_positives)
    return fit_embedded(data, options, folder=folder).detector


def fit_embedded(
    data: Embedded,
    options: FitOptions,
    stopwatch: Stopwatch | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
) -> Fitted:
    """Fit the classifier, fine-tune if asked to, choose thresholds, evaluate on val and test.

    Parameters
    ----------
    data : Embedded
    options : FitOptions
    stopwatch : Stopwatch, optional
        Its stages are timed, and its begin is that of a fine-tuning's time budget.
    folder : Path, optional
        Where a fine-tuning keeps weights, checkpoints and logs.
    resume : bool
        Go on from the checkpoint that is there.
    """
    watch = stopwatch or Stopwatch()
    bands = options.bands.assign(data.catalog.statistics(TRAIN).positive)
    tuned: Tuned | None = None
    start: Fit | None = None
    frozen: dict[str, Evaluation] = {}
    with track("Fitting", None) as advance:
        detector, fit = fit_detector(data, before_tuning(options), watch, advance)
    if options.finetune is not None:
        start = fit
        frozen, _ = _evaluate(detector, data, bands, options.seed)
        detector, fit, data, tuned = tune_detector(
            detector, fit, data, options, folder, watch, resume=resume
        )
    with watch.stage("evaluate"):
        evaluations, probabilities = _evaluate(detector, data, bands, options.seed, fit)
    warnings = _warnings(fit, data.catalog.space, evaluations)
    warnings += over_budget(options.finetune, time.monotonic() - watch.began)
    return Fitted(
        detector, data, fit, bands, evaluations, probabilities, warnings, tuned, start, frozen
    )


def _evaluate(
    detector: Detector,
    data: Embedded,
    bands: npt.NDArray[np.str_],
    seed: int,
    fit: Fit | None = None,
) -> tuple[dict[str, Evaluation], dict[str, Floats]]:
    """Give figures and probabilities of val and test.

    Where the fit learned from val, those of val are by classifiers that did not see it.
    """
    catalog = data.catalog
    evaluations, probabilities = {}, {}
    for split in (VAL, TEST):
        probabilities[split] = detector.probabilities(data.of(split))
        corrected = detector.probabilities(data.of(split), corrected=True)
        if split == VAL and fit is not None and fit.held_out is not None:
            left_out = fit.held_out[int(catalog.in_split(TRAIN).sum()) :]
            # For a promise, val was not learned from.
            if len(left_out):
                probabilities[split] = corrected = expit(left_out)
        evaluations[split] = evaluate(
            probabilities[split],
            catalog.matrix[catalog.in_split(split)],
            detector.thresholds,
            bands,
            corrected=corrected,
            exclusive=detector.exclusive_columns,
            groups=catalog.group[catalog.in_split(split)],
            seed=seed,
        )
    return evaluations, probabilities


def _warnings(fitted: Fit, space: LabelSpace, evaluations: dict[str, Evaluation]) -> list[str]:
    warnings = []
    for split, evaluation in evaluations.items():
        figures = evaluation.summary
        if not figures["products"]:
            warnings.append(f"there is no {split} split: its figures are null")
        elif not figures["labels_scored"]:
            warnings.append(f"the {split} split has no positive: its figures are null")
        elif figures["labels_skipped"]:
            skipped = np.flatnonzero(evaluation.statistics.positive == 0)
            names = ", ".join(space.labels[label] for label in skipped)
            warnings.append(f"no {split} positive, so in no {split} figure: {names}")
    if not fitted.chosen.converged:
        warnings.append(
            f"the fit stopped after {fitted.chosen.iterations} iterations before it converged"
        )
    return warnings
