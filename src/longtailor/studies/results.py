"""What a study comes to: estimates, paired differences, and the fits behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog import Catalog

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure over the seeds of a study.

    Attributes
    ----------
    mean : float
        Mean over the seeds; NaN where no label had a positive.
    low, high : float
        95 % interval; see `longtailor.studies.intervals` for what it covers.
    seeds : tuple of float
        The figure of each seed, NaN where that fit failed.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """A metric of objective `a` minus that of objective `b`, seed by seed and product by product.

    Attributes
    ----------
    a, b : str
        Objectives.
    metric : str
    difference, low, high : float
        Mean over the seeds and its 95 % interval, not corrected for many comparisons.
    p_value : float
        Two-sided, of no difference.
    p_adjusted : float
        Corrected for many comparisons (Holm 1979): within this metric, the pairs with the first
        objective are one family, all others another.
    """

    a: str
    b: str
    metric: str
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True, eq=False)
class LabelDifferences:
    """Average precision of objective `a` minus that of `b`, label by label.

    Attributes
    ----------
    a, b : str
    difference, low, high : ndarray, shape (labels,)
        NaN for a label without a test positive.
    p_adjusted : ndarray, shape (labels,)
        Corrected for all labels of the pair (Benjamini & Hochberg 1995).
    """

    a: str
    b: str
    difference: Floats
    low: Floats
    high: Floats
    p_adjusted: Floats


@dataclass(frozen=True, eq=False)
class Figures:
    """Estimates by objective and metric, and all paired differences.

    Metrics are those of `metrics.json` that vary between objectives (`map`, `map_tail`,
    `f1_macro`, `f1_macro_at_half`, `ece`, ...) and `threshold_gain`: `f1_macro` minus
    `f1_macro_at_half`, what chosen thresholds add to 0.5.
    """

    estimates: dict[str, dict[str, Estimate]]
    paired: list[Difference]


@dataclass(frozen=True, eq=False)
class StudyFit:
    """One fit of a study.

    Attributes
    ----------
    objective : str
        As it was asked for.
    seed : int
    probabilities : ndarray of floats, shape (test products, labels)
        As the objective made them: thresholds and 0.5 apply to these.
    corrected : ndarray of floats, shape (test products, labels)
        Corrected for the shift of the objective's weights.
    thresholds : ndarray of float64, shape (labels,)
    train_positive : ndarray of int, shape (labels,)
    penalty : float
        Chosen on validation.
    seconds : float
    training : dict, optional
        How the network was trained, where it was: `steps`, `steps_asked`, `best_epoch`, `epochs`
        (their figures on validation), `seconds`.
    """

    objective: str
    seed: int
    probabilities: npt.NDArray[np.floating[Any]]
    corrected: npt.NDArray[np.floating[Any]]
    thresholds: Floats
    train_positive: npt.NDArray[np.int64]
    penalty: float
    seconds: float
    training: dict[str, Any] | None = None


@dataclass(frozen=True)
class Failure:
    """A fit that failed, and why. The study went on without it."""

    objective: str
    seed: int
    reason: str


@dataclass(frozen=True, eq=False)
class Scope:
    """The comparison on one set of attributes, fitted together.

    Attributes
    ----------
    attributes : tuple of str
    catalog : Catalog
        With every product in a split; the labels that were learned.
    bands : ndarray of str, shape (labels,)
        By `positives`.
    positives : ndarray of int, shape (labels,)
        Training positives that a fit has on average.
    fits : list of StudyFit
        Of all objectives and seeds that did not fail; rows are the test products in order.
    figures : Figures
    by_attribute : dict of str to Figures
        From the same fits, the labels of one attribute at a time.
    labels : list of LabelDifferences
        Every objective against the first.
    ap : dict of str to ndarray, shape (labels,)
        Average precision by objective, mean over seeds.
    failures : list of Failure
    """

    attributes: tuple[str, ...]
    catalog: Catalog
    bands: npt.NDArray[np.str_]
    positives: npt.NDArray[np.int64]
    fits: list[StudyFit]
    figures: Figures
    by_attribute: dict[str, Figures]
    labels: list[LabelDifferences]
    ap: dict[str, Floats]
    failures: list[Failure]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    objectives : tuple of str
        As asked for; differences are told against the first.
    seeds : tuple of int
    share : float
        Share of the annotated products that each fit was given, in (0, 1].
    together : Scope
        All attributes in one fit.
    separately : dict of str to Scope
        Each attribute fitted alone, where that was asked for.
    headline : str
        A few sentences, written from the figures.
    dropped : dict of str to int
        Labels with too few positives to be learned -> how many they have.
    warnings : list of str
    products : int
        Annotated products, train and val, that a fit was given on average.
    trained : str
        What networks were trained end to end, and how, as a sentence; empty where encoders stayed
        frozen.
    """

    objectives: tuple[str, ...]
    seeds: tuple[int, ...]
    share: float
    together: Scope
    separately: dict[str, Scope]
    headline: str
    dropped: dict[str, int]
    warnings: list[str] = field(default_factory=list)
    products: int = 0
    trained: str = ""


@dataclass(frozen=True, eq=False)
class Saving:
    """How many annotations one objective saves another.

    Attributes
    ----------
    a, b : str
        `a` reaches with `products` what `b` needs `equivalent` products for.
    metric : str
    products : int
        Annotated products that `a` was given.
    equivalent, low, high : float
        What `b` needs, and its 95 % interval; infinity where it is beyond what was measured.
    """

    a: str
    b: str
    metric: str
    products: int
    equivalent: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class LabelCurve:
    """Average precision of one label against the number of its own training positives.

    Attributes
    ----------
    label : str
    positives : tuple of int
    estimates : dict of str to list of Estimate
        By objective, in the order of `positives`.
    """

    label: str
    positives: tuple[int, ...]
    estimates: dict[str, list[Estimate]]


@dataclass(frozen=True, eq=False)
class Curve:
    """What `curve` found.

    Attributes
    ----------
    catalog : Catalog
    objectives : tuple of str
    seeds : tuple of int
    budgets : tuple of float
        Shares of the annotated products.
    products : tuple of int
        The same in products: train and val together.
    estimates : dict of str to dict of str to list of Estimate
        By objective and metric, in the order of the budgets.
    savings : list of Saving
    labels : list of LabelCurve
    failures : list of Failure
    headline : str
    warnings : list of str
    dropped : dict of str to int
        Labels with too few positives to be learned -> how many they have.
    trained : str
        As in a comparison.
    """

    catalog: Catalog
    objectives: tuple[str, ...]
    seeds: tuple[int, ...]
    budgets: tuple[float, ...]
    products: tuple[int, ...]
    estimates: dict[str, dict[str, list[Estimate]]]
    savings: list[Saving]
    labels: list[LabelCurve]
    failures: list[Failure]
    headline: str
    warnings: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    trained: str = ""
