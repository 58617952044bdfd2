"""What images and texts each add where products have both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.catalog import TEST, TRAIN, VAL
from longtailor.evaluation.metrics import Evaluation
from longtailor.evaluation.resampling import basic_interval, bootstrap_weights
from longtailor.fitting import BOTH, FitOptions, Fitted, fit_embedded
from longtailor.studies.resampled import Truth, resampled_figures
from longtailor.studies.results import StudyFit

METRICS = ("map", "map_tail", "f1_macro")
RESAMPLES = 1000


@dataclass(frozen=True)
class Difference:
    """How much a figure on test is higher with both inputs, and its 95 % interval.

    None where it cannot be had. The interval is a paired bootstrap over the test products: it says
    how the difference would move with other test products, not with another training.
    """

    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class Inputs:
    """The detector beside two that see one input only, on the same products.

    Attributes
    ----------
    evaluations : dict of str to dict of str to Evaluation
        By input (`"image"`, `"text"`, `"both"`) and split. A product without the one input gets
        the scores of the average product.
    differences : dict of str to dict of str to Difference
        By the input alone, and metric: with both, less with it alone, on test.
    having : dict of str to dict of str to int
        By input and split: how many products have it; of `"both"`, how many have both.
    """

    evaluations: dict[str, dict[str, Evaluation]]
    differences: dict[str, dict[str, Difference]]
    having: dict[str, dict[str, int]]


def compare_inputs(fitted: Fitted, options: FitOptions) -> Inputs | None:
    """Fit to each input alone, and measure what the other one adds.

    Parameters
    ----------
    fitted : Fitted
        Fitted with `options` to embeddings.
    options : FitOptions

    Returns
    -------
    Inputs or None
        None if the detector reads one input only.
    """
    data = fitted.data
    if len(data.encoders) < 2:
        return None
    alone = {name: fit_embedded(data.only(name), options) for name in data.encoders}
    catalog = data.catalog
    test = catalog.in_split(TEST)
    weights = bootstrap_weights(int(test.sum()), RESAMPLES, options.seed, catalog.group[test])
    truth = Truth(
        catalog.matrix[test],
        fitted.bands,
        np.concatenate([np.ones((1, weights.shape[1]), np.float32), weights]),
        {BOTH: np.arange(len(catalog.space))},
    )
    figures = {
        name: resampled_figures(as_study_fit(one, options), truth)[1][BOTH]
        for name, one in {**alone, BOTH: fitted}.items()
    }
    differences = {
        name: {
            metric: paired_difference(figures[BOTH][metric] - figures[name][metric])
            for metric in METRICS
        }
        for name in alone
    }
    has = {name: data.has(name) for name in data.encoders}
    has[BOTH] = np.all(list(has.values()), axis=0)
    having = {
        name: {split: int(mask[catalog.in_split(split)].sum()) for split in (TRAIN, VAL, TEST)}
        for name, mask in has.items()
    }
    evaluations = {name: one.evaluations for name, one in alone.items()}
    return Inputs({**evaluations, BOTH: fitted.evaluations}, differences, having)


def as_study_fit(
    fitted: Fitted, options: FitOptions, columns: npt.NDArray[np.intp] | None = None
) -> StudyFit:
    """Give a fit as `studies.resampled` measures it, with some of the labels or all."""
    test = fitted.data.of(TEST)
    at = slice(None) if columns is None else columns
    return StudyFit(
        options.objective,
        options.seed,
        fitted.probabilities[TEST][:, at],
        fitted.detector.probabilities(test, corrected=True)[:, at],
        fitted.detector.thresholds[at],
        fitted.data.catalog.statistics(TRAIN).positive[at],
        fitted.fit.chosen.penalty,
        0.0,
    )


def paired_difference(values: npt.NDArray[np.float64]) -> Difference:
    """Give a difference, of shape (1 + resamples,) with the measured one first, its interval."""
    if np.isnan(values[0]):
        return Difference(None, None, None)
    low, high = basic_interval(values[1:], values[0])
    return Difference(float(values[0]), float(low), float(high))
