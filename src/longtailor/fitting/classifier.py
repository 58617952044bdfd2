"""The classifier on top of embeddings, and its thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from longtailor.catalog import TRAIN, VAL
from longtailor.detector import Detector
from longtailor.evaluation.promises import promise_precision
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.fitting.embedded import Embedded
from longtailor.fitting.options import FitOptions
from longtailor.fitting.stopwatch import Stopwatch
from longtailor.objectives import AnyObjective
from longtailor.progress import Advance
from longtailor.training import Fit, fit_classifier
from longtailor.training.auto import RECIPE
from longtailor.training.design import Design
from longtailor.training.search import parse_objective

Floats = npt.NDArray[np.float64]


def fit_detector(
    data: Embedded,
    options: FitOptions,
    stopwatch: Stopwatch | None = None,
    advance: Advance = lambda steps: None,
    design: Design | None = None,
    *,
    train_was_seen: bool = False,
) -> tuple[Detector, Fit]:
    """Fit the classifier on train and choose thresholds on val.

    Parameters
    ----------
    data : Embedded
    options : FitOptions
        Of which the objective and the seed say something here.
    stopwatch : Stopwatch, optional
        Given the stages "fit" and "thresholds".
    advance : callable
        Called with 1 after each penalty that was tried.
    design : Design, optional
        Of the embeddings of train, where it has been made already.
    train_was_seen : bool
        The encoder learned from the labels of train: the recipe `auto` chooses by val alone.
    """
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    train, val = (np.flatnonzero(catalog.in_split(split)) for split in (TRAIN, VAL))
    if options.precision is not None and parse_objective(options.objective)[0] == RECIPE:
        # The recipe would learn from val, and a promise is for products that it did not see.
        val = val[:0]
    with watch.stage("fit"):
        fitted = fit_classifier(
            data.embeddings[train],
            catalog.matrix[train],
            data.embeddings[val],
            catalog.matrix[val],
            catalog.space,
            options.objective,
            advance=advance,
            blocks=data.blocks,
            design=design,
            group=catalog.group[np.concatenate([train, val])],
            choose_by_val=train_was_seen,
        )
    detector = Detector(
        catalog.space,
        fitted.classifier,
        np.full(len(catalog.space), 0.5),
        data.encoders,
        competing=fitted.competing,
        **trained_with(fitted.objective, fitted),
    )
    with watch.stage("thresholds"):
        set_thresholds(detector, data, options, fitted)
    return detector, fitted


def trained_with(objective: AnyObjective, fit: Fit) -> dict[str, Any]:
    """Give what a detector knows of the objective it was trained with."""
    shift = objective.correction()
    assert objective.positives is not None
    assert objective.known is not None
    return {
        "objective": {
            "name": objective.name,
            "settings": objective.settings,
            "specification": fit.specification,
            "positives": objective.positives.tolist(),
            "known": objective.known.tolist(),
            "epoch": int(objective.epoch),
        },
        "correction": None if shift is None else _numpy(shift.expand(len(objective.positives))),
    }


def set_thresholds(
    detector: Detector, data: Embedded, options: FitOptions, fit: Fit | None = None
) -> None:
    """Give a detector thresholds: for F1, or those that promise the precision asked for."""
    if options.precision is None:
        detector.thresholds = _thresholds(detector, data, options.seed, fit)
        return
    val = data.catalog.matrix[data.catalog.in_split(VAL)]
    probabilities = detector.probabilities(data.of(VAL))
    detector.promise = promise_precision(probabilities, val, options.precision)
    detector.thresholds = detector.promise.thresholds


def _thresholds(detector: Detector, data: Embedded, seed: int, fit: Fit | None = None) -> Floats:
    """Choose thresholds on products that the fit did not see; 0.5 where there are none."""
    catalog = data.catalog
    groups = list(catalog.space.groups.values())
    train, val = (catalog.matrix[catalog.in_split(split)] for split in (TRAIN, VAL))
    if fit is not None and fit.held_out is not None:
        held_out = ~np.isnan(fit.held_out).any(axis=1)
        matrix = np.concatenate([train, val])[held_out]
        return choose_thresholds(fit.held_out[held_out], matrix, groups, seed=seed)
    if not len(val):
        return np.full(len(catalog.space), 0.5)
    logits = detector.logits(data.of(VAL))
    return choose_thresholds(
        logits,
        val,
        groups,
        logits - detector.logits(data.of(VAL), corrected=True),
        seed,
    )


def _numpy(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.detach().double().cpu().numpy())
