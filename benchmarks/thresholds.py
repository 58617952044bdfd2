"""Chosen thresholds against plain 0.5 and against thresholds tuned label by label.

    python benchmarks/thresholds.py ../shared/data/deepfashion6/catalog.csv ... [--share 0.15]

Each objective is fitted once. Then val and test are pooled and dealt again, many times: thresholds
are chosen on one part, macro F1 is measured on the other. Prints the means, and the paired
differences with the 2.5 and 97.5 percentiles over the deals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.metrics import precision_recall_curve

from longtailor.catalog import TRAIN, Catalog
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.fitting import Embedded, FitOptions, embed_catalog
from longtailor.labels import POSITIVE, TAIL, UNKNOWN, Bands
from longtailor.training import fit_classifier

Floats = npt.NDArray[np.float64]


def main() -> None:
    """Deal val and test again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", nargs="+", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="of the training products")
    parser.add_argument("--deals", type=int, default=20)
    parser.add_argument(
        "--objectives", nargs="+", default=["none", "inverse_frequency", "effective_number"]
    )
    given = parser.parse_args()
    print("| catalogue | objective | chosen on | 0.5 | by label | chosen | chosen - 0.5 | tail |")
    print("|---" * 8 + "|")
    for path in given.catalogs:
        data = embed_catalog(Catalog.read(path), FitOptions())
        for objective in given.objectives:
            print(_row(path.parent.name, data, objective, given.share, given.deals), flush=True)


def _row(name: str, data: Embedded, objective: str, share: float, deals: int) -> str:
    random = np.random.default_rng(0)
    catalog = data.catalog
    train = np.flatnonzero(catalog.in_split(TRAIN))
    train = random.permutation(train)[: int(share * len(train))]
    labels = np.flatnonzero((catalog.matrix[train] == POSITIVE).sum(axis=0) >= 2)
    catalog = catalog.take_labels(labels)
    rest = np.flatnonzero(~catalog.in_split(TRAIN))
    fit = fit_classifier(
        data.embeddings[train],
        catalog.matrix[train],
        data.embeddings[rest],
        catalog.matrix[rest],
        catalog.space,
        objective,
    )
    shift = fit.objective.correction()
    detector_logits = _logits(fit.classifier, data.embeddings[rest])
    matrix = catalog.matrix[rest]
    tail = Bands(thirds=True).assign((catalog.matrix[train] == POSITIVE).sum(axis=0)) == TAIL
    size = min(max(40, int(0.2 * len(train))), len(rest) // 2)
    scores = []
    for _ in range(deals):
        order = random.permutation(len(rest))
        here, there = order[:size], order[size:]
        chosen = choose_thresholds(
            detector_logits[here],
            matrix[here],
            list(catalog.space.groups.values()),
            None if shift is None else shift.numpy(),
        )
        f1 = [
            judge(detector_logits[there] >= cut, matrix[there]).f1
            for cut in (0.0, _by_label(detector_logits[here], matrix[here]), logit(chosen))
        ]
        scores.append([[_mean(values), _mean(values[tail])] for values in f1])
    all_scores = np.array(scores)
    half, own, best = all_scores[:, :, 0].mean(axis=0)
    gains = all_scores[:, 2] - all_scores[:, 0]
    cells = [
        f"{gain.mean():+.3f} ({np.quantile(gain, 0.025):+.3f} to {np.quantile(gain, 0.975):+.3f})"
        for gain in gains.T
    ]
    return (
        f"| {name} | {objective} | {size:,} | {half:.3f} | {own:.3f} | {best:.3f} | "
        f"{cells[0]} | {cells[1]} |"
    )


def _logits(classifier: object, embeddings: npt.NDArray[np.float32]) -> Floats:
    import torch

    with torch.inference_mode():
        return classifier(torch.from_numpy(embeddings)).double().numpy()  # type: ignore[operator, no-any-return]


def _by_label(logits: Floats, matrix: npt.NDArray[np.int8]) -> Floats:
    """Tune each label by itself: the cut with the highest F1, 0 without a positive."""
    cuts = np.zeros(logits.shape[1])
    for label in range(logits.shape[1]):
        known = matrix[:, label] != UNKNOWN
        positive = matrix[known, label] == POSITIVE
        if positive.any():
            scores = expit(logits[known, label])
            precision, recall, thresholds = precision_recall_curve(positive, scores)
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            cuts[label] = logit(np.clip(thresholds[np.argmax(f1[:-1])], 1e-9, 1 - 1e-9))
    return cuts


def _mean(values: Floats) -> float:
    return float(np.nanmean(values))


if __name__ == "__main__":
    main()
