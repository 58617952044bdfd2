"""Annotated products saved: what one objective needs to reach what another reaches."""

from __future__ import annotations

from collections.abc import Sequence

from longtailor.studies.measure import Measured
from longtailor.studies.results import Saving


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
    """
    raise NotImplementedError


def saving_sentence(saving: Saving, products: Sequence[int]) -> str:
    """Put a saving into words, with what was measured (`products`) as its limits."""
    raise NotImplementedError


def curve_headline(savings: Sequence[Saving], products: Sequence[int]) -> str:
    """Write the first sentences of a curve: one for each pair of objectives and metric.

    Tells the middle budget of each, so that the choice does not depend on the outcome.
    """
    raise NotImplementedError
