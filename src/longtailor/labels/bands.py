"""Head, medium and tail: labels grouped by their number of training positives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEAD, MEDIUM, TAIL = "head", "medium", "tail"
BANDS = (HEAD, MEDIUM, TAIL)


@dataclass(frozen=True)
class Bands:
    """How labels are put into bands.

    Parameters
    ----------
    head, medium : int
        A label with at least `head` training positives is head, one with at least `medium` is
        medium, any other is tail.
    thirds : bool
        Ignore the counts above: the third of the labels with fewest positives is tail, the third
        with most is head. Ties go by the order of the labels.
    """

    head: int = 100
    medium: int = 20
    thirds: bool = False

    @classmethod
    def parse(cls, text: str) -> Bands:
        """Read `"100,20"` or `"thirds"`.

        Raises
        ------
        ValueError
            If the text is neither.
        """
        if text.strip() == "thirds":
            return cls(thirds=True)
        parts = text.split(",")
        if len(parts) == 2 and all(part.strip().isdigit() for part in parts):
            head, medium = (int(part) for part in parts)
            if head > medium > 0:
                return cls(head, medium)
        raise ValueError(
            f"bands {text!r}: give two falling counts of positives such as 100,20, or thirds"
        )

    def __str__(self) -> str:
        return "thirds" if self.thirds else f"{self.head},{self.medium}"

    def assign(self, positives: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Give the band of each label.

        Parameters
        ----------
        positives : array_like of int, shape (labels,)
            Training positives of each label.

        Returns
        -------
        ndarray of str, shape (labels,)
            `"head"`, `"medium"` or `"tail"`.
        """
        counts = np.asarray(positives)
        if not self.thirds:
            return np.where(
                counts >= self.head, HEAD, np.where(counts >= self.medium, MEDIUM, TAIL)
            )
        bands = np.full(counts.shape, MEDIUM)
        rarest_first = np.argsort(counts, kind="stable")
        third = -(-len(counts) // 3)
        bands[rarest_first[len(counts) - third :]] = HEAD
        bands[rarest_first[:third]] = TAIL
        return bands
