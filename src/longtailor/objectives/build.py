"""Building objectives from a name and label statistics."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from longtailor.errors import UsageError
from longtailor.labels import LabelStatistics, as_label_matrix
from longtailor.objectives.family import COMMON_SETTINGS
from longtailor.objectives.family import parts as parts_of
from longtailor.objectives.losses.base import READINGS
from longtailor.objectives.masking import ASSUME_NEGATIVE, Masking
from longtailor.objectives.names import check, parse
from longtailor.objectives.objective import Objective
from longtailor.objectives.parameters import AUTO, resolve


def build(
    name: str,
    positives: npt.ArrayLike | None = None,
    known: npt.ArrayLike | None = None,
    *,
    statistics: LabelStatistics | None = None,
    **parameters: Any,
) -> Objective:
    """Build an objective.

    Parameters
    ----------
    name : str
        A name of the family, of a loss and a weighting joined by `+`, with or without parameters:
        `effective_number`, `asl+effective_number:gamma_neg=4,beta=0.99`.
    positives, known : array_like of int, shape (labels,)
        Training products in which a label is positive, and in which it is known.
    statistics : LabelStatistics, optional
        The same, instead of `positives` and `known`.
    **parameters
        Parameters of the loss, weighting, masking and reduction; they go before those in `name`.

    Raises
    ------
    UsageError
        If a name, parameter or count is wrong, or the parts make no sense together.
    """
    canonical, written = parse(name)
    given = {**written, **check(canonical, parameters)}
    loss_type, weighting_type = parts_of(canonical)
    if statistics is None and positives is not None and known is not None:
        try:
            statistics = LabelStatistics.from_counts(positives, known)
        except ValueError as error:
            raise UsageError(f"{canonical}: {error}") from error
    loss_settings = resolve(loss_type.accepts, given, canonical)
    weighting_settings = resolve(weighting_type.accepts, given, canonical)
    if AUTO in weighting_settings.values():
        raise UsageError(f"{canonical}: auto is chosen while fitting; give a number here")
    settings = {**loss_settings, **weighting_settings, **resolve(COMMON_SETTINGS, given, canonical)}
    if settings["reading"] in (None, "none"):
        settings["reading"] = READINGS[0]
    objective = Objective(
        canonical,
        settings,
        loss_type(**loss_settings),
        weighting_type(settings["reading"], **weighting_settings),
        Masking(settings["unknown"], settings["topk"], settings["prior_threshold"]),
    )
    if statistics is not None:
        if settings["unknown"] == ASSUME_NEGATIVE:
            statistics = LabelStatistics(
                statistics.positive,
                statistics.negative + statistics.unknown,
                statistics.unknown * 0,
            )
        objective.set_statistics(statistics)
    elif weighting_type.needs_statistics or loss_type.needs_statistics:
        raise UsageError(f"{canonical} needs label statistics: give positives and known")
    return objective


def build_from_matrix(name: str, matrix: npt.ArrayLike, **parameters: Any) -> Objective:
    """Build an objective from a label matrix of shape (products, labels), -1 or NaN unknown."""
    try:
        statistics = LabelStatistics.from_matrix(as_label_matrix(matrix))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    return build(name, statistics=statistics, **parameters)
