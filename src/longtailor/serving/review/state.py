"""The products of a catalogue as a detector sees them, in the order in which to look at them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, LabelSpace
from longtailor.serving.review.decisions import NO, SKIP, YES, Decisions
from longtailor.studies.suggest import Candidates, suggest

Floats = npt.NDArray[np.float64]

ORDERS = ("doubtful", "useful", "highest", "lowest")
SHOWN = ("unknown", "contradicting", "yes", "no", "decided", "skipped", "all")
MOST_USEFUL = 240
"""So many are put in order of use; the others follow by score."""
CANDIDATES = 2_000
"""Out of so many, the highest scores."""
_EDGE = 1e-12


@dataclass(eq=False)
class Review:
    """What the page shows.

    Attributes
    ----------
    name : str
        Of the catalogue.
    ids : list of str
    images : list of (Path or None)
    texts : list of (str or None)
    split : ndarray of str, shape (products,)
        `""` where it is not known.
    matrix : ndarray of int8, shape (products, labels)
        As the catalogue has it.
    space : LabelSpace
    scores : ndarray of float32, shape (products, labels)
        Probabilities as the objective made them, to which thresholds belong.
    thresholds : ndarray, shape (labels,)
    features : ndarray of float16, shape (products, dim)
        What products are compared by, rows of length 1.
    train_positives : ndarray of int, shape (labels,)
    held_out : ndarray of bool, shape (products,)
        Those that the detector neither learned from nor chose between itself by.
    held_out_name : str
        What they are called.
    decisions : Decisions
    notes : list of str
        What a reviewer should know.
    """

    name: str
    ids: list[str]
    images: list[Path | None]
    texts: list[str | None]
    split: npt.NDArray[np.str_]
    matrix: LabelMatrix
    space: LabelSpace
    scores: npt.NDArray[np.float32]
    thresholds: Floats
    features: npt.NDArray[np.float16]
    train_positives: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]
    held_out_name: str
    decisions: Decisions
    notes: list[str] = field(default_factory=list)
    _useful: dict[int, npt.NDArray[np.intp]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def labels(self) -> list[dict[str, Any]]:
        """Describe the labels: what is known of each, and what was decided."""
        decided = self.decisions.counts()
        counts = [(self.matrix == kind).sum(axis=0) for kind in (POSITIVE, NEGATIVE, UNKNOWN)]
        return [
            {
                "label": label,
                "positive": int(counts[0][at]),
                "negative": int(counts[1][at]),
                "unknown": int(counts[2][at]),
                "train_positive": int(self.train_positives[at]),
                **{kind: decided[at][kind] if at in decided else 0 for kind in (YES, NO, SKIP)},
            }
            for at, label in enumerate(self.space.labels)
        ]

    def curve(self, label: int) -> dict[str, Any]:
        """Give what each threshold of a label comes to.

        Thresholds lie closer where there are few products above. Precision and recall are of the
        held-out products of which the catalogue knows the label: what was decided since is no fair
        sample of them.
        """
        scores = self.scores[:, label]
        cells = np.where(self.held_out, self.matrix[:, label], UNKNOWN)
        ranked = np.sort(scores)[::-1]
        last = len(ranked) - 1
        ranks = np.unique(np.geomspace(1, last + 1, 160).astype(int)) - 1
        own = float(self.thresholds[label])
        cuts = np.unique(np.append(ranked[ranks].astype(np.float64), [own, 1.0]))
        known = {kind: np.sort(scores[cells == kind]) for kind in (POSITIVE, NEGATIVE)}
        positives = len(known[POSITIVE])

        def above(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
            return len(values) - np.searchsorted(values, cuts.astype(np.float32), side="left")

        found, wrong = above(known[POSITIVE]), above(known[NEGATIVE])
        products = above(ranked[::-1])
        return {
            "threshold": own,
            "positives": positives,
            "negatives": len(known[NEGATIVE]),
            "held_out": self.held_out_name,
            "points": [
                {
                    "threshold": float(cut),
                    "products": int(count),
                    "precision": float(right / (right + false)) if right + false else None,
                    "recall": float(right / positives) if positives else None,
                }
                for cut, count, right, false in zip(cuts, products, found, wrong, strict=True)
            ],
        }

    def page(
        self, label: int, *, shown: str, order: str, threshold: float, start: int, size: int
    ) -> dict[str, Any]:
        """Give some products, beginning at a place in the order.

        The order does not change as decisions are made, so that no product is passed over.
        """
        decisions = self.decisions.of(label)
        ordered = self._order(label, order, threshold)
        wanted = self._wanted(label, shown, threshold, decisions)
        places = np.flatnonzero(wanted[ordered])
        after = places[np.searchsorted(places, start) :]
        taken = after[:size]
        return {
            "total": len(places),
            "before": len(places) - len(after),
            "next": int(after[size]) if len(after) > size else None,
            "products": [self._describe(int(at), label, decisions) for at in ordered[taken]],
        }

    def _describe(self, product: int, label: int, decisions: dict[int, str]) -> dict[str, Any]:
        return {
            "product": product,
            "id": self.ids[product],
            "image": self.images[product] is not None,
            "text": self.texts[product],
            "score": float(self.scores[product, label]),
            "cell": int(self.matrix[product, label]),
            "split": str(self.split[product]),
            "decision": decisions.get(product),
        }

    def _wanted(
        self, label: int, shown: str, threshold: float, decisions: dict[int, str]
    ) -> npt.NDArray[np.bool_]:
        cells = self.matrix[:, label].copy()
        of = {
            kind: np.array([at for at, one in decisions.items() if one == kind], dtype=np.intp)
            for kind in (YES, NO, SKIP)
        }
        if shown == "all":
            return np.ones(len(cells), dtype=np.bool_)
        if shown in (YES, NO):
            cells[of[YES]], cells[of[NO]] = POSITIVE, NEGATIVE
            return np.asarray(cells == (POSITIVE if shown == YES else NEGATIVE))
        decided = np.zeros(len(cells), dtype=np.bool_)
        if shown == "skipped":
            decided[of[SKIP]] = True
            return decided
        decided[np.concatenate(list(of.values()))] = True
        if shown == "decided":
            return decided
        if shown == "unknown":
            return np.asarray((cells == UNKNOWN) & ~decided)
        above = self.scores[:, label] >= np.float32(threshold)
        return np.asarray(np.where(above, cells == NEGATIVE, cells == POSITIVE) & ~decided)

    def _order(self, label: int, order: str, threshold: float) -> npt.NDArray[np.intp]:
        scores = self.scores[:, label].astype(np.float64)
        if order == "doubtful":
            away: Floats = np.abs(_logit(scores) - _logit(threshold))
            return away.argsort(kind="stable")
        if order == "lowest":
            return np.argsort(scores, kind="stable")
        highest = np.argsort(-scores, kind="stable")
        if order == "highest":
            return highest
        with self._lock:
            if label not in self._useful:
                self._useful[label] = self._most_useful(label, highest)
            first = self._useful[label]
        left = np.ones(len(scores), dtype=np.bool_)
        left[first] = False
        return np.concatenate([first, highest[left[highest]]])

    def _most_useful(self, label: int, highest: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Probable positives that are unlike those that are known, and unlike each other."""
        cells = self.matrix[:, label]
        unknown = highest[cells[highest] == UNKNOWN][:CANDIDATES]
        if not len(unknown):
            return np.asarray(unknown)
        positive = np.flatnonzero(cells == POSITIVE)[:CANDIDATES]
        found = suggest(
            Candidates(
                self.scores[unknown, label : label + 1].astype(np.float64),
                np.ones((len(unknown), 1), dtype=np.bool_),
                self.train_positives[label : label + 1],
                self.features[unknown].astype(np.float32),
                self.features[positive].astype(np.float32),
            ),
            MOST_USEFUL,
        )
        return np.asarray(unknown[found.products])


def _logit(scores: Floats | float) -> Floats:
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))
