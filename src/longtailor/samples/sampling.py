"""Decide what each product is: exact quotas for the tail, chance for the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from longtailor.samples import vocabulary as words
from longtailor.samples.palettes import WARDROBES
from longtailor.samples.product import Product

MINIMUM_POSITIVES = 6


def sample_products(count: int, seed: int) -> list[Product]:
    """Sample the products of a catalogue.

    Sleeves and archetypes are dealt by exact quota, so that a small catalogue has its tail too.
    The other attributes follow from those two and from a stream of random numbers that belongs
    to the product alone.

    Parameters
    ----------
    count : int
        How many products. At least 6 for each of the 8 sleeves.
    seed : int

    Returns
    -------
    list of Product
    """
    sleeves = np.repeat(list(words.SLEEVES), list(quotas(words.SLEEVES, count).values()))
    dealer = np.random.default_rng((seed, 1))
    dealer.shuffle(sleeves)
    archetypes = _deal_archetypes(sleeves, dealer)
    return [
        _sample_product(index, str(sleeve), str(archetype), np.random.default_rng((seed, 2, index)))
        for index, (sleeve, archetype) in enumerate(zip(sleeves, archetypes, strict=True))
    ]


def quotas(shares: words.Weights, count: int) -> dict[str, int]:
    """Share out `count` products exactly, each value at least `MINIMUM_POSITIVES` times.

    What rounding leaves over goes to the most frequent value.
    """
    dealt = {v: max(MINIMUM_POSITIVES, round(share * count)) for v, share in shares.items()}
    head = max(shares, key=lambda value: shares[value])
    dealt[head] += count - sum(dealt.values())
    return dealt


def _deal_archetypes(sleeves: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deal archetypes by quota, rarest first, favouring the sleeves each archetype likes.

    Weighted sampling without replacement by exponential keys (Efraimidis and Spirakis, 2006).
    """
    left = quotas(words.ARCHETYPES, len(sleeves))
    dealt = np.full(len(sleeves), "", dtype=object)
    for archetype in sorted(left, key=lambda name: left[name]):
        free = np.flatnonzero(dealt == "")
        liking = words.SLEEVE_AFFINITY.get(archetype, {})
        weight = np.array([liking.get(str(sleeves[i]), 1.0) for i in free])
        keys = rng.exponential(size=len(free)) / weight
        dealt[free[np.argsort(keys)[: left[archetype]]]] = archetype
    return dealt


def _sample_product(index: int, sleeve: str, archetype: str, rng: np.random.Generator) -> Product:
    garment = _pick(words.GARMENTS[archetype], rng, words.GARMENT_FIT.get(sleeve, {}))
    liking = words.DETAIL_AFFINITY.get(archetype, {})
    details = tuple(
        sorted(
            detail
            for detail, chance in words.DETAILS[garment].items()
            if rng.random() < chance * liking.get(detail, 1.0)
        )
    )
    if {"buttons", "zip"} <= set(details):
        details = tuple(detail for detail in details if detail != "zip")
    palettes = WARDROBES[archetype]
    return Product(
        index=index,
        garment=garment,
        sleeve=sleeve,
        archetype=archetype,
        neckline=_pick(words.NECKLINES[garment], rng),
        pattern=_pick(words.PATTERNS[archetype], rng),
        colour=palettes[rng.integers(len(palettes))].name,
        length=_pick(words.LENGTHS[garment], rng),
        details=details,
        unknown=_unknown(sleeve, rng),
    )


def _unknown(sleeve: str, rng: np.random.Generator) -> frozenset[str]:
    unknown = {a for a in words.ATTRIBUTES if rng.random() < words.UNKNOWN_SHARE}
    # The tail is too thin to lose any of it: its counts stay exact.
    if words.SLEEVES[sleeve] < words.RARE:
        unknown.discard("sleeve")
    return frozenset(unknown)


def _pick(
    weights: words.Weights, rng: np.random.Generator, factors: Mapping[str, float] | None = None
) -> str:
    values = list(weights)
    weight = np.array([weights[v] * (factors or {}).get(v, 1.0) for v in values])
    return values[rng.choice(len(values), p=weight / weight.sum())]
