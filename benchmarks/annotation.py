"""Simulated annotation: what the strategies of `longtailor suggest` find, against random choice.

    python benchmarks/annotation.py ../shared/data/deepfashion6/catalog.csv ... [--bands thirds]
        [--objective none]

Per seed, a tenth of the annotated products is drawn and a classifier is fitted as `longtailor fit`
does. Then strategies choose products of the rest by what it says of them, a hundred at a time;
their labels are revealed and join train, and the classifier is fitted again. Tail labels are those
that the first tenth makes tail.

Prints, for each strategy: tail positives found in the first round, as a multiple of what random
choice finds, tail labels of which one was found, and the tail's average precision on test after
each round. Intervals: 95 % t-intervals over seeds of the paired difference to random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from scipy.special import expit

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.detector import Detector
from longtailor.evaluation.ranking import average_precision
from longtailor.fitting import Embedded, FitOptions, default_objective, embed_products
from longtailor.labels import POSITIVE, TAIL, UNKNOWN, Bands
from longtailor.runs.suggest import features_of
from longtailor.studies.draws import annotate
from longtailor.studies.suggest import STRATEGIES, Candidates, suggest
from longtailor.training import Fit, fit_classifier

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
RANDOM = "random"


def main() -> None:
    """Simulate, one table a catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", nargs="+", type=Path)
    parser.add_argument("--share", type=float, default=0.1, help="annotated at first")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--bands", default="100,20")
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--objective", default=default_objective())
    given = parser.parse_args()
    torch.set_num_threads(1)
    for path in given.catalogs:
        data = embed_products(Catalog.read(path), FitOptions())
        runs = [
            _simulate(
                data,
                given.strategies,
                seed,
                Bands.parse(given.bands),
                given.share,
                given.batch,
                given.rounds,
                given.objective,
            )
            for seed in range(given.seeds)
        ]
        _print(path.parent.name, runs, given)


def _simulate(
    data: Embedded,
    strategies: list[str],
    seed: int,
    bands: Bands,
    share: float,
    batch: int,
    rounds: int,
    objective: str,
) -> dict[str, Floats]:
    """Give, by strategy, rounds x (tail positives, share of tail labels found, tail AP, mAP)."""
    catalog = data.catalog
    draw = annotate(catalog, seed).draw(share)
    pool = np.flatnonzero(catalog.in_split(TRAIN) | catalog.in_split(VAL))
    rest = np.setdiff1d(pool, np.concatenate([draw.train, draw.val]))
    positives = (catalog.matrix[draw.train] == POSITIVE).sum(axis=0)
    taken = catalog.take_labels(positives >= 2)
    matrix = taken.matrix
    tail = bands.assign((matrix[draw.train] == POSITIVE).sum(axis=0)) == TAIL
    first = _fit(data, taken, draw.train, draw.val, objective)
    test = np.flatnonzero(catalog.in_split(TEST))
    before = _score(data, first.classifier, test)
    features = features_of(
        Detector(taken.space, first.classifier, np.full(len(tail), 0.5), {}), data.embeddings
    )
    result = {"start": np.array([[0, 0, *_precision(before, matrix[test], tail)]])}
    for strategy in strategies:
        train, left, classifier = draw.train, rest, first.classifier
        figures = []
        for at in range(rounds):
            candidates = Candidates(
                expit(_score(data, classifier, left))[:, tail],
                matrix[np.ix_(left, tail)] != UNKNOWN,
                (matrix[np.ix_(train, tail)] == POSITIVE).sum(axis=0),
                features[left],
                features[np.concatenate([train, draw.val])],
            )
            chosen = left[suggest(candidates, batch, strategy, seed=1000 * seed + at).products]
            found = (matrix[np.ix_(chosen, tail)] == POSITIVE).sum(axis=0)
            train, left = np.sort(np.append(train, chosen)), np.setdiff1d(left, chosen)
            classifier = _fit(data, taken, train, draw.val, objective).classifier
            precision = _precision(_score(data, classifier, test), matrix[test], tail)
            figures.append([found.sum(), (found > 0).mean(), *precision])
        result[strategy] = np.array(figures)
    return result


def _fit(data: Embedded, taken: Catalog, train: Rows, val: Rows, objective: str) -> Fit:
    return fit_classifier(
        data.embeddings[train],
        taken.matrix[train],
        data.embeddings[val],
        taken.matrix[val],
        taken.space,
        objective,
        blocks=data.blocks,
        group=taken.group[np.concatenate([train, val])],
    )


def _score(data: Embedded, classifier: torch.nn.Module, rows: Rows) -> Floats:
    with torch.inference_mode():
        return np.asarray(classifier(torch.from_numpy(data.embeddings[rows])).double().numpy())


def _precision(
    scores: Floats, matrix: npt.NDArray[np.int8], tail: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    ap = average_precision(scores, matrix)
    return float(np.nanmean(ap[tail])), float(np.nanmean(ap))


def _print(name: str, runs: list[dict[str, Floats]], given: argparse.Namespace) -> None:
    start = np.mean([run["start"][0] for run in runs], axis=0)
    print(
        f"\n### {name}, {given.objective}\n\n{len(runs)} seeds, bands {given.bands}; "
        f"at the start tail AP {start[2]:.3f}, mAP {start[3]:.3f}\n"
    )
    rounds = [given.batch * (at + 1) for at in range(given.rounds)]
    heads = [f"tail positives in {rounds[0]}", "x random", "labels found"]
    heads += [f"tail AP after {products}, less random" for products in rounds]
    heads += [f"mAP after {rounds[-1]}, less random"]
    print(f"| strategy | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 1) + "|")
    for strategy in given.strategies:
        one = np.array([run[strategy] for run in runs])
        other = np.array([run[RANDOM] for run in runs])
        times = one[:, 0, 0] / other[:, 0, 0]
        cells = [
            f"{one[:, 0, 0].mean():.1f}",
            f"{one[:, 0, 0].sum() / other[:, 0, 0].sum():.2f} ({_interval(times, '.2f')})",
            f"{one[:, 0, 1].mean():.2f}",
        ]
        cells += [_difference(one[:, at, 2], other[:, at, 2]) for at in range(given.rounds)]
        cells += [_difference(one[:, -1, 3], other[:, -1, 3])]
        print(f"| {strategy} | {' | '.join(cells)} |", flush=True)


def _difference(one: Floats, other: Floats) -> str:
    gain = one - other
    if not gain.any():
        return f"{one.mean():.3f}"
    return f"{one.mean():.3f}, {gain.mean():+.3f} ({_interval(gain, '+.3f')})"


def _interval(values: Floats, form: str) -> str:
    if len(values) < 2:
        return "–"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean() - half:{form}} to {values.mean() + half:{form}}"


if __name__ == "__main__":
    main()
