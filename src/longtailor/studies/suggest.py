"""Which products to annotate next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.errors import UsageError

Floats = npt.NDArray[np.float64]

NEAR_DUPLICATE = 0.95
"""Cosine of the features from which two products count as one."""
MOST_LABELS = 5
"""At most so many labels are told for a product."""
BLOCK = 4096
"""Products that are compared with the annotated ones at a time."""
SHARE_OF_BEST = 0.1
"""Labels are told that have at least this share of what the most helped one has."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Products that could be annotated, and what a detector makes of them.

    Attributes
    ----------
    probabilities : ndarray of float64, shape (candidates, labels)
        Corrected for the weights of the objective. The labels are those that are to gain, rare
        ones as a rule.
    unknown : ndarray of bool, shape (candidates, labels)
        Cells that annotating would fill.
    positives : ndarray of int, shape (labels,)
        Positives that the detector was fitted to.
    features : ndarray of float32, shape (candidates, dim)
        Rows of length 1.
    annotated : ndarray of float32, shape (annotated products, dim)
        Features of products that are known already; there may be none.
    """

    probabilities: Floats
    unknown: npt.NDArray[np.bool_]
    positives: npt.NDArray[np.int64]
    features: npt.NDArray[np.float32]
    annotated: npt.NDArray[np.float32]

    @property
    def possible(self) -> Floats:
        """Probabilities of the unknown cells, 0 in the known ones."""
        return np.where(self.unknown, self.probabilities, 0.0)


@dataclass(frozen=True, eq=False)
class Suggestion:
    """Candidates in the order in which to annotate them.

    Attributes
    ----------
    products : ndarray of int
        Positions of candidates, most useful first.
    scores : ndarray of float64
        What the strategy saw in each when it was chosen; not rising, but for near-duplicates,
        which stand at the end.
    helps : list of ndarray of int
        The labels that each is expected to help, most first.
    near_duplicates : int
        So many stand at the end for being nearly the same as one before.
    """

    products: npt.NDArray[np.intp]
    scores: Floats
    helps: list[npt.NDArray[np.intp]]
    near_duplicates: int


class Strategy(ABC):
    """Says how useful each candidate is, given those that were chosen before."""

    @abstractmethod
    def usefulness(self) -> Floats:
        """Give one number a candidate; it never rises as more are chosen."""

    def choose(self, product: int) -> None:  # noqa: B027
        """Take note of a candidate that was chosen."""


class Expected(Strategy):
    """Positives that a label is expected to gain, as a share of those it has.

    The sum over labels of p / (n + found), with found the positives expected among the candidates
    chosen so far: what a label gains from one more positive falls as it has more, so that no label
    gets all the turns. (Greedy maximisation of a sum of logarithms.)
    """

    def __init__(self, candidates: Candidates) -> None:
        self.possible = candidates.possible
        self.positives = candidates.positives.astype(np.float64)

    def usefulness(self) -> Floats:
        """See the base class."""
        return np.asarray(self.possible @ (1 / np.maximum(self.positives, 1.0)))

    def choose(self, product: int) -> None:
        """See the base class."""
        self.positives += self.possible[product]


class Diversity(Strategy):
    """Distance to the nearest product that is annotated or chosen (Sener & Savarese 2018).

    One less the cosine, between 0 and 1: choosing the farthest again and again is the greedy
    k-centre method.
    """

    def __init__(self, candidates: Candidates) -> None:
        self.features = candidates.features
        self.distances = np.ones(len(self.features))
        for start in range(0, len(self.features), BLOCK):
            rows = slice(start, start + BLOCK)
            nearest = (self.features[rows] @ candidates.annotated.T).max(axis=1, initial=0.0)
            self.distances[rows] = np.clip(1 - nearest, 0.0, 1.0)

    def usefulness(self) -> Floats:
        """See the base class."""
        return self.distances

    def choose(self, product: int) -> None:
        """See the base class."""
        near = np.clip(1 - self.features @ self.features[product], 0.0, 1.0)
        self.distances = np.minimum(self.distances, near)


class Mix(Strategy):
    """Expected positives times the square root of the distance to what is known."""

    def __init__(self, candidates: Candidates) -> None:
        self.expected, self.diversity = Expected(candidates), Diversity(candidates)

    def usefulness(self) -> Floats:
        """See the base class."""
        return self.expected.usefulness() * np.sqrt(self.diversity.usefulness())

    def choose(self, product: int) -> None:
        """See the base class."""
        self.expected.choose(product)
        self.diversity.choose(product)


class Uncertainty(Strategy):
    """Entropy of the unknown cells, in bits, summed over labels."""

    def __init__(self, candidates: Candidates) -> None:
        p = np.clip(candidates.probabilities, 1e-12, 1 - 1e-12)
        entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
        self.entropy = np.where(candidates.unknown, entropy, 0.0).sum(axis=1)

    def usefulness(self) -> Floats:
        """See the base class."""
        return np.asarray(self.entropy)


class Random(Strategy):
    """Any order."""

    def __init__(self, candidates: Candidates, seed: int) -> None:
        self.drawn = np.random.default_rng(seed).random(len(candidates.features))

    def usefulness(self) -> Floats:
        """See the base class."""
        return self.drawn


STRATEGIES: Mapping[str, Callable[[Candidates, int], Strategy]] = {
    "mix": lambda candidates, seed: Mix(candidates),
    "expected": lambda candidates, seed: Expected(candidates),
    "uncertainty": lambda candidates, seed: Uncertainty(candidates),
    "diversity": lambda candidates, seed: Diversity(candidates),
    "random": Random,
}
DEFAULT_STRATEGY = "mix"


def require_strategy(name: str) -> None:
    """Refuse a strategy that there is not.

    Raises
    ------
    UsageError
    """
    if name not in STRATEGIES:
        raise UsageError(f"--strategy {name}: use {', '.join(STRATEGIES)}")


def suggest(
    candidates: Candidates,
    budget: int,
    strategy: str = DEFAULT_STRATEGY,
    *,
    seed: int = 0,
    near_duplicate: float = NEAR_DUPLICATE,
) -> Suggestion:
    """Choose which candidates to annotate.

    Candidates that are nearly the same as one chosen before wait until no others are left.

    Parameters
    ----------
    candidates : Candidates
    budget : int
        How many; fewer if there are not as many.
    strategy : str
        One of `STRATEGIES`.
    seed : int
        Of `"random"`.
    near_duplicate : float
        Cosine from which two candidates are nearly the same.

    Raises
    ------
    UsageError
        If there is no such strategy.
    """
    require_strategy(strategy)
    chooser = STRATEGIES[strategy](candidates, seed)
    features = candidates.features
    left = np.ones(len(features), dtype=np.bool_)
    chosen: list[int] = []
    scores: list[float] = []
    waiting: list[tuple[int, float]] = []
    while len(chosen) < budget and left.any():
        usefulness = chooser.usefulness()
        product = int(np.argmax(np.where(left, usefulness, -np.inf)))
        left[product] = False
        score = float(usefulness[product])
        if chosen and (features[chosen] @ features[product]).max() >= near_duplicate:
            waiting.append((product, score))
            continue
        chosen.append(product)
        scores.append(score)
        chooser.choose(product)
    last = waiting[: budget - len(chosen)]
    products = np.array([*chosen, *(product for product, _ in last)], dtype=np.intp)
    return Suggestion(
        products,
        np.array([*scores, *(score for _, score in last)], dtype=np.float64),
        [_helped(candidates, product) for product in products],
        len(last),
    )


def _helped(candidates: Candidates, product: int) -> npt.NDArray[np.intp]:
    """Give the labels with the most to gain from a product."""
    gains = candidates.possible[product] / np.maximum(candidates.positives, 1)
    order = np.argsort(-gains, kind="stable")[:MOST_LABELS]
    return np.asarray(order[(gains[order] > 0) & (gains[order] >= SHARE_OF_BEST * gains.max())])
