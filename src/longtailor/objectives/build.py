"""Building objectives from a name and label statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from longtailor.errors import UsageError
from longtailor.labels import LabelStatistics, as_label_matrix
from longtailor.objectives.family import COMMON_SETTINGS
from longtailor.objectives.family import parts as parts_of
from longtailor.objectives.losses import Loss, Softmax
from longtailor.objectives.losses.base import CELL
from longtailor.objectives.masking import IGNORE, SELECTIVE, SELECTIVE_SETTINGS, Masking
from longtailor.objectives.names import check, parse
from longtailor.objectives.objective import Objective
from longtailor.objectives.parameters import AUTO, resolve
from longtailor.objectives.weightings import NoWeighting, Weighting


def build(
    name: str,
    positives: npt.ArrayLike | None = None,
    known: npt.ArrayLike | None = None,
    *,
    statistics: LabelStatistics | None = None,
    groups: Sequence[npt.ArrayLike] | None = None,
    **parameters: Any,
) -> Objective:
    """Build an objective.

    Parameters
    ----------
    name : str
        A name of the family, or of a loss and a weighting joined by `+`, with or without
        parameters: `effective_number`, `asl+effective_number:gamma_neg=4,beta=0.99`.
    positives, known : array_like of int, shape (labels,), optional
        Training products in which a label is positive, and in which it is known.
    statistics : LabelStatistics, optional
        The same, instead of `positives` and `known`. With `unknown=assume_negative` its unknown
        products count as negatives.
    groups : sequence of array_like of int, optional
        For `softmax`: the columns of each exclusive attribute. With a label space:
        `[space.groups[attribute] for attribute in sorted(space.exclusive)]`.
    **parameters
        Parameters of the loss, weighting, masking and reduction; they go before those in `name`.

    Raises
    ------
    UsageError
        If a name, parameter or count is wrong, or the parts make no sense together.

    Examples
    --------
    >>> import torch
    >>> objective = build("effective_number:beta=0.99", positives=[6, 300], known=[1000, 1000])
    >>> objective(torch.zeros(1, 2), torch.tensor([[0, -1]]))
    tensor(0.6321)
    """
    canonical, written = parse(name)
    given = {**written, **check(canonical, parameters)}
    loss_type, weighting_type = parts_of(canonical)
    statistics = statistics_of(canonical, positives, known, statistics)
    if statistics is None and (loss_type.needs_statistics or weighting_type.needs_statistics):
        raise UsageError(f"{canonical} needs label statistics: give positives and known")

    settings = resolve(COMMON_SETTINGS, given, canonical)
    settings["reading"] = _reading(canonical, loss_type, weighting_type, settings["reading"])
    _refuse_idle(canonical, weighting_type, settings, given)
    if statistics is None and settings["unknown"] == SELECTIVE and settings["prior_threshold"] < 1:
        raise UsageError(
            f"{canonical}: unknown={SELECTIVE} needs label statistics (or prior_threshold=1): "
            "give positives and known"
        )
    loss_settings = resolve(loss_type.accepts, given, canonical)
    weighting_settings = resolve(weighting_type.accepts, given, canonical)
    if AUTO in weighting_settings.values():
        raise UsageError(f"{canonical}: auto is chosen while fitting; give a number here")

    loss: Loss
    if issubclass(loss_type, Softmax):
        loss = _softmax(groups, statistics, settings, loss_settings)
    elif groups is not None:
        raise UsageError(f"{canonical} takes no groups; softmax does")
    else:
        loss = loss_type(**loss_settings)
    return Objective(
        canonical,
        {**loss_settings, **weighting_settings, **settings},
        loss,
        weighting_type(settings["reading"], **weighting_settings),
        Masking(settings["unknown"], settings["topk"], settings["prior_threshold"]),
        statistics,
    )


def build_from_matrix(name: str, matrix: npt.ArrayLike, **parameters: Any) -> Objective:
    """Build an objective from a label matrix of shape (products, labels), -1 or NaN unknown.

    Raises
    ------
    UsageError
        As `build`, and if `matrix` is no label matrix.
    """
    try:
        statistics = LabelStatistics.from_matrix(as_label_matrix(matrix))
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    return build(name, statistics=statistics, **parameters)


def statistics_of(
    name: str,
    positives: npt.ArrayLike | None,
    known: npt.ArrayLike | None,
    statistics: LabelStatistics | None,
) -> LabelStatistics | None:
    """Give the statistics, or those of the counts, where they were given; `name` is for errors.

    Raises
    ------
    UsageError
        If both are given, or the counts are wrong.
    """
    if (positives is None) != (known is None):
        raise UsageError(f"{name}: give both positives and known, or neither")
    if positives is None or known is None:
        return statistics
    if statistics is not None:
        raise UsageError(f"{name}: give either statistics or positives and known")
    try:
        return LabelStatistics.from_counts(positives, known)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _reading(
    name: str, loss: type[Loss], weighting: type[Weighting], asked: str | None
) -> str | None:
    """Choose what the weights mean, or refuse."""
    if issubclass(weighting, NoWeighting):
        if asked is not None:
            raise UsageError(f"{name} has no weighting, so reading={asked} says nothing")
        return None
    possible = [reading for reading in weighting.readings if reading in loss.weightable]
    if not possible:
        kinds = " or ".join(loss.weightable) or "no"
        raise UsageError(
            f"{loss.name} takes {kinds} weights, and {weighting.name} gives "
            f"{' or '.join(weighting.readings)} weights; they do not combine"
        )
    if asked is not None and asked not in possible:
        raise UsageError(
            f"{name}: reading={asked} makes no sense here; "
            f"{weighting.name} with {loss.name} is read as {' or '.join(possible)}"
        )
    reading = asked or possible[0]
    return None if reading == CELL else reading


def _refuse_idle(
    name: str,
    weighting: type[Weighting],
    settings: Mapping[str, Any],
    given: Mapping[str, Any],
) -> None:
    """Refuse parameters that nothing would listen to."""
    if issubclass(weighting, NoWeighting):
        for parameter in ("cap", "defer"):
            if settings[parameter]:
                raise UsageError(f"{name} has no weighting to apply {parameter} to")
    if settings["unknown"] != SELECTIVE:
        for setting in SELECTIVE_SETTINGS:
            if setting.name in given:
                raise UsageError(f"{name}: {setting.name} is for unknown={SELECTIVE}")


def _softmax(
    groups: Sequence[npt.ArrayLike] | None,
    statistics: LabelStatistics | None,
    settings: Mapping[str, Any],
    loss_settings: Mapping[str, Any],
) -> Softmax:
    if groups is None or statistics is None:
        raise UsageError("softmax needs groups: the columns of each exclusive attribute")
    if settings["unknown"] != IGNORE:
        raise UsageError(
            f"softmax: unknown={settings['unknown']} makes no sense here; an unknown value of an "
            "exclusive attribute is one of those that may be the true one"
        )
    return Softmax(groups, len(statistics.known), **loss_settings)
