"""From the fits of a study to its figures: estimates, paired differences, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix
from longtailor.studies.intervals import Sampled, Spread, benjamini_hochberg, holm, spread
from longtailor.studies.resampled import BAND_OF, METRICS, Columns, Truth, resampled_figures
from longtailor.studies.results import Difference, Estimate, Figures, LabelDifferences, StudyFit

Floats = npt.NDArray[np.float64]

_ALL = ""
"""The scope of all labels; no attribute has this name."""

NO_SPREAD = 1e-9
"""What rounding may leave of a difference of nothing."""


Samples = dict[str, dict[str, Sampled]]
"""What the objectives reached, by objective and metric. A seed whose fit failed is NaN. The
resamples are the same for all objectives and seeds, and for all calls of `measure` with the same
test products, `groups`, `resamples` and `seed`."""


@dataclass(frozen=True, eq=False)
class Smaller:
    """Fits on smaller draws of the same pool, by which the variance over pools is known better.

    Attributes
    ----------
    fits : sequence of StudyFit
        Of the same objectives and seeds, measured on the same test products.
    drawn : float
        Share of the annotated products that such a fit is trained on, in (0, 1).
    """

    fits: Sequence[StudyFit]
    drawn: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What a set of fits comes to.

    Attributes
    ----------
    figures : Figures
        Of all labels.
    by_attribute : dict of str to Figures
        Of the labels of one attribute at a time.
    labels : list of LabelDifferences
        Every objective against the first.
    ap : dict of str to ndarray, shape (labels,)
        Average precision by objective, mean over seeds; NaN without a test positive.
    samples : dict of str to dict of str to Sampled
        By objective and metric, of all labels: what `savings` needs.
    smaller : dict of str to dict of str to Sampled, optional
        The same of smaller draws.
    """

    figures: Figures
    by_attribute: dict[str, Figures]
    labels: list[LabelDifferences]
    ap: dict[str, Floats]
    samples: Samples
    smaller: Samples | None = None


def measure(
    fits: Sequence[StudyFit],
    matrix: LabelMatrix,
    bands: npt.ArrayLike,
    objectives: Sequence[str],
    seeds: Sequence[int],
    *,
    groups: npt.ArrayLike | None = None,
    drawn: float,
    smaller: Smaller | None = None,
    attributes: Mapping[str, npt.NDArray[np.intp]] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Measured:
    """Measure the fits of a study on its test products.

    Parameters
    ----------
    fits : sequence of StudyFit
        In any order; an objective may lack seeds.
    matrix : ndarray of int8, shape (test products, labels)
        Positive 1, negative 0, unknown -1.
    bands : array_like of str, shape (labels,)
    objectives : sequence of str
        The first is the one that labels are compared with.
    seeds : sequence of int
    groups : array_like of str, shape (test products,), optional
        Near-duplicates that the bootstrap draws together.
    drawn : float
        Share of the annotated products that a fit is trained on, in (0, 1].
    smaller : Smaller, optional
        Fits on smaller draws, which make the intervals of draws of a large share narrower.
    attributes : mapping of str to ndarray of int, optional
        Columns of each attribute, for `by_attribute`.
    resamples : int
        Bootstrap resamples of the test products.
    seed : int
        Seed of the bootstrap.
    """
    parts = dict(attributes or {})
    scopes = {_ALL: np.arange(matrix.shape[1])}
    # An attribute that has all labels has the figures of all labels.
    scopes |= {name: part for name, part in parts.items() if len(part) < matrix.shape[1]}
    weights = _weights(matrix, groups, resamples, seed)
    truth = Truth(matrix, np.asarray(bands), weights, scopes)
    sampled = _sample(fits, drawn, truth, objectives, seeds)
    below = (
        None if smaller is None else _sample(smaller.fits, smaller.drawn, truth, objectives, seeds)
    )
    found = {
        scope: _figures(
            sampled.by_scope[scope],
            None if below is None else below.by_scope[scope],
            _units_by_metric(matrix, truth.bands, columns, groups),
        )
        for scope, columns in scopes.items()
    }
    first = objectives[0]
    positives = _units_by_label(matrix, groups)
    return Measured(
        figures=found[_ALL],
        by_attribute={name: found.get(name, found[_ALL]) for name in parts},
        labels=[
            _label_differences(
                other, first, sampled.ranking, None if below is None else below.ranking, positives
            )
            for other in objectives[1:]
        ],
        ap={name: _mean_over_seeds(own.points) for name, own in sampled.ranking.items()},
        samples=sampled.by_scope[_ALL],
        smaller=None if below is None else below.by_scope[_ALL],
    )


def measure_label(
    fits: Sequence[StudyFit],
    matrix: LabelMatrix,
    column: int,
    objectives: Sequence[str],
    seeds: Sequence[int],
    *,
    groups: npt.ArrayLike | None = None,
    drawn: float,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Estimate the average precision of one label by objective; parameters as `measure`.

    Parameters
    ----------
    column : int
        Of the label.
    drawn : float
        Share of the label's annotated positives that a fit is trained on, in (0, 1].
    """
    cells = matrix[:, [column]]
    weights = _weights(cells, groups, resamples, seed)
    units = _units_by_label(cells, groups)[0]
    found = {}
    for objective in objectives:
        values = np.full((len(seeds), 1 + resamples), np.nan)
        for fit in fits:
            if fit.objective == objective:
                scores = fit.probabilities[:, [column]]
                values[seeds.index(fit.seed)] = average_precision(scores, cells, weights)[:, 0]
        found[objective] = _estimate(Sampled(values[:, 0], values[:, 1:], drawn), None, units, 0.0)
    return found


def _weights(
    matrix: LabelMatrix, groups: npt.ArrayLike | None, resamples: int, seed: int
) -> npt.NDArray[np.float32]:
    """Put the products as they are before their resamples."""
    drawn = bootstrap_weights(len(matrix), resamples, seed, groups)
    return np.concatenate([np.ones((1, len(matrix)), np.float32), drawn])


class _Taken(NamedTuple):
    """What a set of fits reached.

    Attributes
    ----------
    by_scope : dict of str to Samples
    ranking : dict of str to Sampled
        By objective, average precision of the labels.
    """

    by_scope: dict[str, Samples]
    ranking: dict[str, Sampled]


def _sample(
    fits: Sequence[StudyFit],
    drawn: float,
    truth: Truth,
    objectives: Sequence[str],
    seeds: Sequence[int],
) -> _Taken:
    """Measure fits on the test products and on resamples of them."""
    place = {name: at for at, name in enumerate(seeds)}
    rows, labels = len(truth.weights), truth.matrix.shape[1]
    ranking = {name: np.full((len(seeds), rows, labels), np.nan, np.float32) for name in objectives}
    taken = {
        scope: {
            name: {metric: np.full((len(seeds), rows), np.nan) for metric in METRICS}
            for name in objectives
        }
        for scope in truth.scopes
    }
    for fit in fits:
        at = place[fit.seed]
        ranking[fit.objective][at], figures = resampled_figures(fit, truth)
        for scope, by_metric in figures.items():
            for metric, values in by_metric.items():
                taken[scope][fit.objective][metric][at] = values

    def sampled(values: npt.NDArray[np.floating]) -> Sampled:
        return Sampled(values[:, 0].astype(np.float64), values[:, 1:], drawn)

    by_scope = {
        scope: {
            name: {metric: sampled(values) for metric, values in by_metric.items()}
            for name, by_metric in by_objective.items()
        }
        for scope, by_objective in taken.items()
    }
    return _Taken(by_scope, {name: sampled(values) for name, values in ranking.items()})


def _figures(samples: Samples, smaller: Samples | None, units: Mapping[str, int]) -> Figures:
    estimates = {
        objective: {
            metric: _estimate(
                own[metric],
                None if smaller is None else smaller[objective][metric],
                units[metric],
                _lowest(metric),
            )
            for metric in METRICS
        }
        for objective, own in samples.items()
    }
    paired = []
    for metric in METRICS:
        pairs = list(combinations(samples, 2))
        spreads = [
            _difference(
                samples[a][metric].less(samples[b][metric]),
                None if smaller is None else smaller[a][metric].less(smaller[b][metric]),
                np.asarray(units[metric]),
            )
            for a, b in pairs
        ]
        p_values = np.array([float(found.p_value()) for found in spreads])
        # The question is whether the others beat the first; the rest is a family of its own.
        asked = len(samples) - 1
        corrected = np.concatenate([holm(p_values[:asked]), holm(p_values[asked:])])
        for (a, b), found, p_value, adjusted in zip(
            pairs, spreads, p_values, corrected, strict=True
        ):
            low, high = found.interval(_lowest(metric) - 1, 1 - _lowest(metric))
            paired.append(
                Difference(
                    a,
                    b,
                    metric,
                    float(found.mean),
                    float(low),
                    float(high),
                    float(p_value),
                    float(adjusted),
                )
            )
    return Figures(estimates, paired)


def _estimate(sampled: Sampled, smaller: Sampled | None, units: int, lowest: float) -> Estimate:
    seeds = tuple(sampled.points.tolist())
    there = sampled.there()
    if not len(there.points):
        return Estimate(np.nan, np.nan, np.nan, seeds)
    found = spread(there, units, None if smaller is None else smaller.there())
    low, high = found.interval(lowest, 1.0)
    return Estimate(float(found.mean), float(low), float(high), seeds)


def _difference(sampled: Sampled, smaller: Sampled | None, units: npt.NDArray[np.intp]) -> Spread:
    """Pair two objectives over the seeds that both have."""
    there = sampled.there()
    if not len(there.points):
        nothing = np.full(sampled.points.shape[1:], np.nan)
        return Spread(nothing, nothing, nothing)
    found = spread(there, units, None if smaller is None else smaller.there())
    # A difference that no resample changes hangs on too few products to be called sure.
    unmoved = (found.error < NO_SPREAD) & (np.abs(found.mean) > NO_SPREAD)
    return Spread(found.mean, np.where(unmoved, np.nan, found.error), found.freedom)


def _label_differences(
    a: str,
    b: str,
    ranking: Mapping[str, Sampled],
    smaller: Mapping[str, Sampled] | None,
    positives: npt.NDArray[np.intp],
) -> LabelDifferences:
    below = None if smaller is None else smaller[a].less(smaller[b])
    found = _difference(ranking[a].less(ranking[b]), below, positives)
    low, high = found.interval(-1.0, 1.0)
    return LabelDifferences(a, b, found.mean, low, high, benjamini_hochberg(found.p_value()))


def _mean_over_seeds(values: Floats) -> Floats:
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / np.where(count > 0, count, np.nan))


def _lowest(metric: str) -> float:
    return -1.0 if metric.startswith("threshold_gain") else 0.0


def _units_by_label(matrix: LabelMatrix, groups: npt.ArrayLike | None) -> npt.NDArray[np.intp]:
    """Count the products or groups of which one is positive, by label."""
    return np.array([_units(cells, groups) for cells in (matrix == POSITIVE).T], dtype=np.intp)


def _units_by_metric(
    matrix: LabelMatrix,
    bands: npt.NDArray[np.str_],
    columns: Columns,
    groups: npt.ArrayLike | None,
) -> dict[str, int]:
    """Count the products or groups that a metric hangs on: positive, for calibration known."""
    units = {}
    for metric in METRICS:
        band = BAND_OF.get(metric)
        within = columns if band is None else columns[bands[columns] == band]
        cells = matrix[:, within]
        part = cells != UNKNOWN if metric.startswith(("brier", "ece")) else cells == POSITIVE
        units[metric] = _units(part.any(axis=1), groups)
    return units


def _units(part: npt.NDArray[np.bool_], groups: npt.ArrayLike | None) -> int:
    if groups is None:
        return int(part.sum())
    names = np.asarray(groups).astype(str)[part]
    return len(np.unique(names[names != ""])) + int((names == "").sum())
