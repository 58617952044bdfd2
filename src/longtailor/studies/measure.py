"""From the fits of a study to its figures: estimates, paired differences, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.labels import POSITIVE, UNKNOWN, LabelMatrix
from longtailor.studies.intervals import Spread, benjamini_hochberg, holm, spread
from longtailor.studies.resampled import BAND_OF, METRICS, Columns, Truth, resampled_figures
from longtailor.studies.results import Difference, Estimate, Figures, LabelDifferences, StudyFit

Floats = npt.NDArray[np.float64]

_ALL = ""
"""The scope of all labels; no attribute has this name."""

NO_SPREAD = 1e-9
"""What rounding may leave of a difference of nothing."""


@dataclass(frozen=True, eq=False)
class Samples:
    """What one objective reached on each seed, on the test products and on resamples of them.

    Attributes
    ----------
    points : dict of str to ndarray, shape (seeds,)
        By metric; NaN where the fit failed.
    resampled : dict of str to ndarray, shape (seeds, resamples)
        The same resamples for all objectives and seeds (and for all calls with the same test
        products, `groups`, `resamples` and `seed`).
    """

    points: dict[str, Floats]
    resampled: dict[str, Floats]

    @classmethod
    def empty(cls, seeds: int, resamples: int) -> Samples:
        """Give samples in which every fit is missing."""
        return cls(
            {metric: np.full(seeds, np.nan) for metric in METRICS},
            {metric: np.full((seeds, resamples), np.nan) for metric in METRICS},
        )


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
    samples : dict of str to Samples
        By objective, of all labels: what `savings` needs.
    drawn : float
        As given.
    """

    figures: Figures
    by_attribute: dict[str, Figures]
    labels: list[LabelDifferences]
    ap: dict[str, Floats]
    samples: dict[str, Samples]
    drawn: float


def measure(
    fits: Sequence[StudyFit],
    matrix: LabelMatrix,
    bands: npt.ArrayLike,
    objectives: Sequence[str],
    seeds: Sequence[int],
    *,
    groups: npt.ArrayLike | None = None,
    drawn: float,
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
    place = {name: at for at, name in enumerate(seeds)}
    samples = {
        scope: {objective: Samples.empty(len(seeds), resamples) for objective in objectives}
        for scope in scopes
    }
    ranking = {
        objective: np.full((len(seeds), 1 + resamples, matrix.shape[1]), np.nan, np.float32)
        for objective in objectives
    }
    for fit in fits:
        at = place[fit.seed]
        ranking[fit.objective][at], figures = resampled_figures(fit, truth)
        for scope, by_metric in figures.items():
            for metric, values in by_metric.items():
                samples[scope][fit.objective].points[metric][at] = values[0]
                samples[scope][fit.objective].resampled[metric][at] = values[1:]

    found = {
        scope: _figures(
            samples[scope], drawn, _units_by_metric(matrix, truth.bands, columns, groups)
        )
        for scope, columns in scopes.items()
    }
    first = objectives[0]
    positives = _units_by_label(matrix, groups)
    return Measured(
        figures=found[_ALL],
        by_attribute={name: found.get(name, found[_ALL]) for name in parts},
        labels=[
            _label_differences(other, first, ranking[other], ranking[first], drawn, positives)
            for other in objectives[1:]
        ],
        ap={objective: _mean_over_seeds(values[:, 0]) for objective, values in ranking.items()},
        samples=samples[_ALL],
        drawn=drawn,
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
        found[objective] = _estimate(values[:, 0], values[:, 1:], drawn, units, 0.0)
    return found


def _weights(
    matrix: LabelMatrix, groups: npt.ArrayLike | None, resamples: int, seed: int
) -> npt.NDArray[np.float32]:
    """Put the products as they are before their resamples."""
    drawn = bootstrap_weights(len(matrix), resamples, seed, groups)
    return np.concatenate([np.ones((1, len(matrix)), np.float32), drawn])


def _figures(samples: Mapping[str, Samples], drawn: float, units: Mapping[str, int]) -> Figures:
    estimates = {
        objective: {
            metric: _estimate(
                own.points[metric], own.resampled[metric], drawn, units[metric], _lowest(metric)
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
                samples[a].points[metric],
                samples[b].points[metric],
                samples[a].resampled[metric],
                samples[b].resampled[metric],
                drawn,
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


def _estimate(
    points: Floats, resampled: Floats, drawn: float, units: int, lowest: float
) -> Estimate:
    there = ~np.isnan(points)
    if not there.any():
        return Estimate(np.nan, np.nan, np.nan, tuple(points.tolist()))
    found = spread(points[there], resampled[there], drawn, units)
    low, high = found.interval(lowest, 1.0)
    return Estimate(float(found.mean), float(low), float(high), tuple(points.tolist()))


def _difference(
    points_a: npt.NDArray[np.floating],
    points_b: npt.NDArray[np.floating],
    resampled_a: npt.NDArray[np.floating],
    resampled_b: npt.NDArray[np.floating],
    drawn: float,
    units: npt.NDArray[np.intp],
) -> Spread:
    """Pair two objectives over the seeds that both have."""
    points = np.subtract(points_a, points_b, dtype=np.float64)
    there = ~np.isnan(points.reshape(len(points), -1)).all(axis=1)
    if not there.any():
        nothing = np.full(points.shape[1:], np.nan)
        return Spread(nothing, nothing, nothing)
    found = spread(points[there], resampled_a[there] - resampled_b[there], drawn, units)
    # A difference that no resample changes hangs on too few products to be called sure.
    unmoved = (found.error < NO_SPREAD) & (np.abs(found.mean) > NO_SPREAD)
    return Spread(found.mean, np.where(unmoved, np.nan, found.error), found.freedom)


def _label_differences(
    a: str,
    b: str,
    ranking_a: npt.NDArray[np.float32],
    ranking_b: npt.NDArray[np.float32],
    drawn: float,
    positives: npt.NDArray[np.intp],
) -> LabelDifferences:
    found = _difference(
        ranking_a[:, 0], ranking_b[:, 0], ranking_a[:, 1:], ranking_b[:, 1:], drawn, positives
    )
    low, high = found.interval(-1.0, 1.0)
    return LabelDifferences(a, b, found.mean, low, high, benjamini_hochberg(found.p_value()))


def _mean_over_seeds(values: npt.NDArray[np.float32]) -> Floats:
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
