"""From the fits of a study to its figures: estimates, paired differences, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.labels import LabelMatrix
from longtailor.studies.results import Estimate, Figures, LabelDifferences, StudyFit

Floats = npt.NDArray[np.float64]


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
    raise NotImplementedError


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
    raise NotImplementedError
