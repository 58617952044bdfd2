"""Annotated products saved: what one objective needs to reach what another reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from longtailor.studies.intervals import shared_variance, training_factor
from longtailor.studies.measure import Measured
from longtailor.studies.resampled import LOWER_IS_BETTER
from longtailor.studies.results import Saving

Floats = npt.NDArray[np.float64]

TAIL_AREA = 0.025

ROUNDING = 1e-9
"""Figures that differ by less are equal."""

_SAYS = {
    "map": "mAP",
    "map_tail": "mAP of the tail",
    "f1_macro": "macro F1 with chosen thresholds",
    "f1_macro_tail": "macro F1 of the tail with chosen thresholds",
    "f1_macro_at_half": "macro F1 at 0.5",
    "f1_macro_tail_at_half": "macro F1 of the tail at 0.5",
}


def savings(
    measured: Sequence[Measured],
    products: Sequence[int],
    a: str,
    b: str,
    *,
    metric: str = "map",
    seed: int = 0,
) -> list[Saving]:
    """Give the number of products that `b` needs to reach what `a` reaches, at each budget.

    The curve of `b` is made to rise (isotonic regression) and is read between two budgets on a
    logarithmic scale of products. The interval holds the middle 95 % of what replicates of both
    curves give: each is moved as other test products would move it (the resamples of `measured`)
    and as other training products would (deviations of the seeds, with random signs and sizes,
    scaled as in `intervals.spread`; Student's t with as many degrees of freedom as seeds less
    one). Both moves are the same for all objectives and budgets of a replicate, so that what
    curves share cancels.

    Parameters
    ----------
    measured : sequence of Measured
        One a budget, measured on the same test products with the same resamples; seeds in the
        same order.
    products : sequence of int
        Annotated products of each budget, rising.
    a, b : str
        Objectives.
    metric : str
        A key of `Samples.points`.
    seed : int
        Seed of the replicates.

    Returns
    -------
    list of Saving
        One a budget at which `a` has a figure; none if `b` has no figure anywhere. A bound of
        infinity is beyond the largest budget of `b`, one of 0 below the smallest.
    """
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    curve_a = sign * _replicates(measured, a, metric, seed)
    curve_b = sign * _replicates(measured, b, metric, seed)
    there = ~np.isnan(curve_b).any(axis=0)
    if not there.any():
        return []
    budgets = np.asarray(products, dtype=np.float64)[there]
    rising = _rising(curve_b[:, there])
    found = []
    for at, given in enumerate(products):
        if np.isnan(curve_a[:, at]).any():
            continue
        needed = np.array(
            [
                _needed(value, curve, budgets)
                for value, curve in zip(curve_a[:, at], rising, strict=True)
            ]
        )
        low, high = np.quantile(needed[1:], [TAIL_AREA, 1 - TAIL_AREA], method="inverted_cdf")
        found.append(Saving(a, b, metric, given, float(needed[0]), float(low), float(high)))
    return found


def saving_sentence(saving: Saving, products: Sequence[int]) -> str:
    """Put a saving into words, with the least and the most of `products` as its limits.

    Parameters
    ----------
    saving : Saving
    products : sequence of int
        Annotated products of each budget, rising.
    """
    given = f"{saving.a} with {saving.products:,} labelled products"
    interval = _interval(saving, products)
    if math.isinf(saving.equivalent):
        told = (
            f"{given} reaches what {saving.b} does not reach with {products[-1]:,}, the most that "
            f"was measured ({interval})"
        )
    elif saving.equivalent < products[0]:
        told = f"{given} does not reach what {saving.b} reaches with {products[0]:,} ({interval})"
    else:
        only = "only " if saving.equivalent < saving.products else ""
        told = (
            f"{given} reaches {only}what {saving.b} needs {_round(saving.equivalent)} for "
            f"({interval})"
        )
    if saving.low <= saving.products <= saving.high:
        told += ", which is no more than noise"
    return f"{told}."


def curve_headline(savings: Sequence[Saving], products: Sequence[int]) -> str:
    """Write the first sentences of a curve: one for each pair of objectives and metric.

    Tells the middle budget of each, so that the choice does not depend on the outcome.

    Parameters
    ----------
    savings : sequence of Saving
        Of any pairs and metrics.
    products : sequence of int
        Annotated products of each budget, rising.
    """
    compared: dict[tuple[str, str, str], list[Saving]] = {}
    for saving in savings:
        compared.setdefault((saving.metric, saving.a, saving.b), []).append(saving)
    if not compared:
        return "No two objectives can be compared."
    sentences = []
    for (metric, _, _), found in compared.items():
        middle = found[(len(found) - 1) // 2]
        sentences.append(f"By {_SAYS.get(metric, metric)}, {saving_sentence(middle, products)}")
    return " ".join(sentences)


def _replicates(measured: Sequence[Measured], objective: str, metric: str, seed: int) -> Floats:
    """Give the curve of an objective and its replicates, (1 + resamples, budgets)."""
    columns = []
    for budget in measured:
        points = budget.samples[objective].points[metric]
        there = ~np.isnan(points)
        resampled = budget.samples[objective].resampled[metric]
        if not there.any() or np.isnan(points[there]).any():
            columns.append(np.full(1 + resampled.shape[1], np.nan))
            continue
        mean = points[there].mean()
        moved = resampled[there].mean(axis=0)
        # A resample without a positive of any label stands for no change.
        moved = np.where(np.isnan(moved), 0.0, moved - np.nanmean(moved))
        if there.sum() > 1:
            deviations = np.where(there, points - mean, 0.0)
            random = np.random.default_rng(seed)
            draws = random.standard_normal((resampled.shape[1], len(points)))
            freedom = int(there.sum()) - 1
            draws *= np.sqrt(freedom / random.chisquare(freedom, (resampled.shape[1], 1)))
            scale = _training_scale(points[there], resampled[there], budget.drawn)
            moved = moved + scale * (draws @ deviations) / math.sqrt(freedom)
        columns.append(np.concatenate([[mean], mean + moved]))
    return np.stack(columns, axis=1)


def _training_scale(points: Floats, resampled: Floats, drawn: float) -> float:
    """Give the standard error over training draws as a multiple of that between seeds."""
    between = float(points.var(ddof=1))
    own = max(between - float(shared_variance(resampled)), 0.0)
    return math.sqrt(training_factor(len(points), drawn) * own / between) if between else 0.0


def _rising(curves: Floats) -> Floats:
    """Fit the closest rising curve to each row: isotonic regression, as maxima of minima."""
    width = curves.shape[1]
    sums = np.concatenate([np.zeros((len(curves), 1)), curves.cumsum(axis=1)], axis=1)
    fitted = np.empty_like(curves)
    for at in range(width):
        # max over starts <= at of min over ends >= at of the mean from start to end.
        starts = np.arange(at + 1)[:, None]
        ends = np.arange(at, width)[None, :] + 1
        means = (sums[:, ends] - sums[:, starts]) / (ends - starts)
        fitted[:, at] = means.min(axis=2).max(axis=1)
    return np.maximum.accumulate(fitted, axis=1)


def _needed(value: float, curve: Floats, budgets: Floats) -> float:
    """Read off a rising curve how many products reach a value."""
    above = int(np.searchsorted(curve, value - ROUNDING))
    if above == len(curve):
        return math.inf
    if curve[above] <= value + ROUNDING:
        return float(budgets[above])
    if above == 0:
        return 0.0
    part = (value - curve[above - 1]) / (curve[above] - curve[above - 1])
    below, over = np.log(budgets[above - 1 : above + 1])
    return float(np.exp(below + part * (over - below)))


def _interval(saving: Saving, products: Sequence[int]) -> str:
    more, fewer = f"more than {products[-1]:,}", f"fewer than {products[0]:,}"
    if math.isinf(saving.low):
        return more
    if saving.high < products[0]:
        return fewer
    low = fewer if saving.low < products[0] else _round(saving.low)
    high = more if math.isinf(saving.high) else _round(saving.high)
    return f"{low} to {high}"


def _round(products: float) -> str:
    """Write a number of products with three digits that count."""
    digits = max(0, math.floor(math.log10(products)) - 2)
    return f"{round(products / 10**digits) * 10**digits:,}"
