"""How often the 95 % intervals of a study cover what they claim to.

    python benchmarks/study_coverage.py [--studies 300] [--only NAME]

Simulates whole studies: a pool of annotated products, seeds that draw from it, two linear
discriminants (one shrunk further and with its positives weighted three to one), test products.
What an interval is to cover is the expected figure, known as the mean over all simulated studies.
Prints how often it is covered: the levels of both objectives, their paired difference, and the
paired difference of one label by its test positives; and how often the interval of mAP covers its
value on many products.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from scipy.stats import norm

from longtailor.catalog import TRAIN
from longtailor.catalog.splits import carve_splits
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import Bands, LabelMatrix
from longtailor.progress import track
from longtailor.studies.measure import measure
from longtailor.studies.results import Difference, Estimate, LabelDifferences, StudyFit

Floats = npt.NDArray[np.float64]

FEATURES = 16
NOISE = 0.6
THRESHOLD = 0.3
OBJECTIVES = {"plain": (0.01, 0.0), "weighted": (0.5, float(np.log(3)))}
METRICS = ("map", "map_tail", "map_micro", "f1_macro", "f1_macro_at_half", "brier", "ece")
RESAMPLES = 200


@dataclass(frozen=True)
class Scenario:
    """A kind of study: its pool, the share that a seed draws, its test products and labels."""

    name: str
    pool: int
    drawn: float
    test: int
    seeds: int
    labels: int
    rarest: float
    stratified: bool = False


SCENARIOS = (
    Scenario("full labels", 600, 5 / 6, 1000, 5, 12, 0.02),
    Scenario("full labels, small test", 600, 5 / 6, 200, 5, 12, 0.02),
    Scenario("few labels", 3000, 0.08, 1000, 5, 12, 0.02),
    Scenario("few labels, small test", 3000, 0.08, 200, 5, 12, 0.02),
    Scenario("three seeds", 1000, 0.4, 500, 3, 12, 0.02),
    Scenario("one seed", 600, 5 / 6, 500, 1, 12, 0.02),
    Scenario("stratified", 600, 5 / 6, 500, 5, 12, 0.02, stratified=True),
)


class World:
    """Products are Gaussian, labels are noisy half-spaces."""

    def __init__(self, labels: int, rarest: float) -> None:
        self.shares = np.geomspace(0.3, rarest, labels)
        directions = np.random.default_rng(0).normal(size=(FEATURES, labels))
        self.directions = directions / np.linalg.norm(directions, axis=0)

    def draw(self, products: int, random: np.random.Generator) -> tuple[Floats, LabelMatrix]:
        """Draw products and their labels."""
        inputs = random.normal(size=(products, FEATURES))
        noise = random.normal(size=(products, len(self.shares)))
        latent = inputs @ self.directions * np.sqrt(1 - NOISE**2) + NOISE * noise
        return inputs, (latent > norm.ppf(1 - self.shares)).astype(np.int8)


def discriminant(inputs: Floats, matrix: LabelMatrix, shrinkage: float) -> tuple[Floats, Floats]:
    """Fit a linear discriminant to each label: weights (features, labels) and biases."""
    count = np.clip(matrix.sum(axis=0), 1, len(matrix) - 1)
    share = count / len(matrix)
    total = inputs.sum(axis=0)[:, None]
    positive = inputs.T @ matrix
    mean, other = positive / count, (total - positive) / (len(matrix) - count)
    gap = mean - other
    solved = np.linalg.solve(np.cov(inputs.T) + shrinkage * np.eye(inputs.shape[1]), gap)
    # Sherman and Morrison: from the covariance of all products to that within the classes.
    within = solved / (1 - np.minimum(share * (1 - share) * (gap * solved).sum(axis=0), 0.9))
    bias = np.log(share / (1 - share)) - (within * (mean + other)).sum(axis=0) / 2
    return within, bias


def draw_rows(
    scenario: Scenario, matrix: LabelMatrix, random: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw the products of one seed from the pool."""
    if not scenario.stratified:
        return random.permutation(scenario.pool)[: round(scenario.drawn * scenario.pool)]
    nothing = np.full(scenario.pool, "")
    shares = (scenario.drawn, 1 - scenario.drawn, 0.0)
    carved = carve_splits(
        matrix, nothing, nothing, fractions=shares, seed=int(random.integers(2**31))
    )
    return np.flatnonzero(carved == TRAIN)


def study(
    scenario: Scenario, world: World, random: np.random.Generator, many: tuple[Floats, LabelMatrix]
) -> tuple[dict[tuple[str, str], Estimate | Difference], dict[str, float], LabelDifferences]:
    """Simulate one study: its figures, each objective's mAP on many products, its labels."""
    inputs, matrix = world.draw(scenario.pool, random)
    test_inputs, test_matrix = world.draw(scenario.test, random)
    fits = []
    on_many: dict[str, list[float]] = {name: [] for name in OBJECTIVES}
    for seed in range(scenario.seeds):
        drawn = draw_rows(scenario, matrix, random)
        for name, (shrinkage, shift) in OBJECTIVES.items():
            weights, bias = discriminant(inputs[drawn], matrix[drawn], shrinkage)
            logits = test_inputs @ weights + bias
            fits.append(
                StudyFit(
                    name,
                    seed,
                    expit(logits + shift).astype(np.float32),
                    expit(logits).astype(np.float32),
                    np.full(scenario.labels, THRESHOLD),
                    matrix[drawn].sum(axis=0, dtype=np.int64),
                    shrinkage,
                    0.0,
                )
            )
            if not seed:
                ap = average_precision(many[0] @ weights + bias, many[1])
                on_many[name].append(float(ap.mean()))
    bands = Bands(thirds=True).assign(world.shares)
    found = measure(
        fits,
        test_matrix,
        bands,
        list(OBJECTIVES),
        range(scenario.seeds),
        drawn=scenario.drawn,
        resamples=RESAMPLES,
        seed=int(random.integers(2**31)),
    )
    figures = found.figures
    reported: dict[tuple[str, str], Estimate | Difference] = {
        (metric, name): figures.estimates[name][metric] for metric in METRICS for name in OBJECTIVES
    }
    reported |= {(pair.metric, "difference"): pair for pair in figures.paired}
    values = {name: float(np.mean(maps)) for name, maps in on_many.items()}
    return reported, values, found.labels[0]


def main() -> None:
    """Simulate all scenarios and print their coverage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--only", help="the name of one scenario")
    given = parser.parse_args()
    columns = [f"{metric}" for metric in METRICS]
    print(f"| study | of | {' | '.join(columns)} | mAP on many products |")
    print("|---" * (len(columns) + 3) + "|")
    for scenario in SCENARIOS:
        if given.only not in (None, scenario.name):
            continue
        world = World(scenario.labels, scenario.rarest)
        random = np.random.default_rng(1)
        many = world.draw(20_000, random)
        studies = []
        with track(scenario.name, given.studies) as advance:
            for _ in range(given.studies):
                studies.append(study(scenario, world, random, many))
                advance(1)
        for of in (*OBJECTIVES, "difference"):
            cells = [
                f"{_coverage([reported[metric, of] for reported, _, _ in studies]):.3f}"
                for metric in METRICS
            ]
            beyond = "-"
            if of in OBJECTIVES:
                value = float(np.mean([on_many[of] for _, on_many, _ in studies]))
                intervals = [reported["map", of] for reported, _, _ in studies]
                beyond = f"{np.mean([i.low <= value <= i.high for i in intervals]):.3f}"
            print(f"| {scenario.name} | {of} | {' | '.join(cells)} | {beyond} |", flush=True)
        labels = _by_label([differences for _, _, differences in studies])
        positives = world.shares * scenario.test
        told = [f"{count:.0f}: {share:.3f}" for count, share in zip(positives, labels, strict=True)]
        print(f"Labels of {scenario.name!r}, test positives: covered. {', '.join(told)}")


def _by_label(found: list[LabelDifferences]) -> Floats:
    """Coverage of the difference of each label, among the studies that have one."""
    low, centre, high = (
        np.array([getattr(one, name) for one in found]) for name in ("low", "difference", "high")
    )
    expected = np.nanmean(centre, axis=0)
    covered = (low <= expected) & (expected <= high)
    return np.asarray(covered.sum(axis=0) / (~np.isnan(centre)).sum(axis=0))


def _coverage(found: list[Estimate | Difference]) -> float:
    centres = [one.mean if isinstance(one, Estimate) else one.difference for one in found]
    expected = float(np.nanmean(centres))
    return float(np.mean([one.low <= expected <= one.high for one in found]))


if __name__ == "__main__":
    main()
