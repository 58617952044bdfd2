"""How often thresholds break the precision they promise.

    python benchmarks/promises.py                               # simulated labels
    python benchmarks/promises.py ../shared/data/fashion_products/catalog.csv ...

Simulated: the scores of a label's positives and negatives are normal and their distance and share
vary; thresholds come from many draws of validation products, the true precision from 400,000.
Catalogues: a classifier is fitted on train, its penalty chosen on half of the other products as
`fit` does; thresholds with a promise come from the same half, and are judged on the other. There a
label counts as broken if the other half shows it beyond doubt (5 % binomial test), and as missed if
its share there is merely lower.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.special import bdtr, expit

from longtailor.catalog import TRAIN, Catalog
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.promises import DELTA, promise_precision
from longtailor.fitting import Embedded, FitOptions, embed_catalog
from longtailor.labels import NEGATIVE, POSITIVE
from longtailor.training import fit_classifier

POPULATION = 400_000
CASES = ((0.02, 3.0), (0.05, 4.0), (0.1, 2.5), (0.1, 4.0), (0.3, 2.0), (0.3, 3.0), (0.6, 2.0))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", nargs="*", type=Path)
    parser.add_argument("--precision", type=float, default=0.9)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--deals", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if not given.catalogs:
        _simulate(given.precision, given.draws)
        return
    print(
        "| catalogue | objective | labels | promised | missed | broken | recall of the promised |"
    )
    print("|---" * 7 + "|")
    for path in given.catalogs:
        data = embed_catalog(Catalog.read(path), FitOptions())
        for objective in ("none", "effective_number"):
            row = _deal(data, objective, given.precision, given.deals)
            print(f"| {path.parent.name} | {objective} | {row} |", flush=True)


def _simulate(precision: float, draws: int) -> None:
    random = np.random.default_rng(0)
    print(f"Precision {precision:g}, delta {DELTA:g}, {draws:,} draws")
    print("| val products | share of positives | distance | promised | broken | recall | best |")
    print("|---" * 7 + "|")
    for products in (400, 1000, 3000):
        for share, distance in CASES:
            positive = random.random(POPULATION) < share
            z = random.normal(size=POPULATION) + distance * positive
            order = np.argsort(-z)
            hits = np.cumsum(positive[order])
            true, recall = hits / np.arange(1, POPULATION + 1), hits / hits[-1]
            val_positive = random.random((products, draws)) < share
            val = random.normal(size=(products, draws)) + distance * val_positive
            found = promise_precision(expit(val), val_positive.astype(np.int8), precision)
            cuts = found.thresholds[found.kept]
            last = np.searchsorted(-expit(z[order]), -cuts, side="right") - 1
            reached = np.flatnonzero(true >= precision)
            best = recall[reached[-1]] if len(reached) else 0.0
            mean_recall = recall[last].mean() if len(last) else float("nan")
            print(
                f"| {products:,} | {share} | {distance} | {found.kept.mean():.3f} | "
                f"{(true[last] < precision).sum() / draws:.3f} | {mean_recall:.3f} | {best:.3f} |",
                flush=True,
            )


def _deal(data: Embedded, objective: str, precision: float, deals: int) -> str:
    catalog = data.catalog
    random = np.random.default_rng(0)
    train, rest = np.flatnonzero(catalog.in_split(TRAIN)), np.flatnonzero(~catalog.in_split(TRAIN))
    promised = missed = broken = 0
    recalls: list[float] = []
    for _ in range(deals):
        order = random.permutation(rest)
        here, there = order[::2], order[1::2]
        fit = fit_classifier(
            data.embeddings[train],
            catalog.matrix[train],
            data.embeddings[here],
            catalog.matrix[here],
            catalog.space,
            objective,
            blocks=data.blocks,
        )
        with torch.inference_mode():
            scores = expit(fit.classifier(torch.from_numpy(data.embeddings)).double().numpy())
        found = promise_precision(scores[here], catalog.matrix[here], precision)
        cells = catalog.matrix[np.ix_(there, np.flatnonzero(found.kept))]
        predicted = scores[there][:, found.kept] >= found.thresholds[found.kept]
        hits = (predicted & (cells == POSITIVE)).sum(axis=0)
        total = hits + (predicted & (cells == NEGATIVE)).sum(axis=0)
        promised += int(found.kept.sum())
        missed += int((hits < precision * total).sum())
        broken += int((bdtr(hits, np.maximum(total, 1), precision) < 0.05)[total > 0].sum())
        recalls += judge(predicted, cells).recall.tolist()
    return (
        f"{len(catalog.space)} | {promised / deals:.1f} | {missed / max(promised, 1):.3f} | "
        f"{broken / max(promised, 1):.3f} | {np.nanmean(recalls) if recalls else float('nan'):.3f}"
    )


if __name__ == "__main__":
    main()
