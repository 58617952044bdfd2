"""The first sentences of a comparison, written from its figures."""

from __future__ import annotations

from longtailor.studies.results import Figures


def headline(figures: Figures, *, tail_labels: int, drawn: float) -> str:
    """Say which objective wins what, by how much, and whether that is more than noise.

    Parameters
    ----------
    figures : Figures
        Its first objective is the one that the others are told against.
    tail_labels : int
        Labels of the tail with a test positive.
    drawn : float
        As given to `measure`.
    """
    raise NotImplementedError
