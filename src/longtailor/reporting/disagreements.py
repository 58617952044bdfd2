"""Products of a label that one objective finds and another misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.labels import NEGATIVE, POSITIVE
from longtailor.studies.results import StudyFit

MOST = 0.5
"""An objective finds a product if more than this share of its seeds do, else it misses it."""


@dataclass(frozen=True, eq=False)
class Disagreement:
    """What two objectives make of one label, at the chosen thresholds.

    Attributes
    ----------
    only_a, only_b : ndarray of int
        Positives that one finds and the other misses, where they differ most first.
    a_found, b_found, a_false_alarms, b_false_alarms : int
        Positives and negatives that each predicts in most seeds.
    """

    only_a: npt.NDArray[np.intp]
    only_b: npt.NDArray[np.intp]
    a_found: int
    b_found: int
    a_false_alarms: int
    b_false_alarms: int


def disagree(
    a: Sequence[StudyFit], b: Sequence[StudyFit], cells: npt.NDArray[np.int8], label: int
) -> Disagreement:
    """See where two objectives disagree about a label, each label by itself.

    Parameters
    ----------
    a, b : sequence of StudyFit
        The fits of each objective, one a seed; at least one.
    cells : ndarray of int8, shape (test products,)
        Positive 1, negative 0, unknown -1.
    label : int
        Its column.
    """
    a_finds, b_finds = _share_of_seeds(a, label), _share_of_seeds(b, label)
    in_a, in_b = a_finds > MOST, b_finds > MOST
    positive, negative = cells == POSITIVE, cells == NEGATIVE
    apart = a_finds - b_finds

    def most_apart(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        at = np.flatnonzero(chosen)
        return at[np.argsort(-np.abs(apart[at]), kind="stable")]

    return Disagreement(
        most_apart(positive & in_a & ~in_b),
        most_apart(positive & in_b & ~in_a),
        int((positive & in_a).sum()),
        int((positive & in_b).sum()),
        int((negative & in_a).sum()),
        int((negative & in_b).sum()),
    )


def _share_of_seeds(fits: Sequence[StudyFit], label: int) -> npt.NDArray[np.float64]:
    predicted = [fit.probabilities[:, label] >= fit.thresholds[label] for fit in fits]
    return np.asarray(np.mean(predicted, axis=0, dtype=np.float64))
