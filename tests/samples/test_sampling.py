from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from longtailor.samples import vocabulary as words
from longtailor.samples.sampling import MINIMUM_POSITIVES, quotas, sample_products


@pytest.mark.parametrize(("count", "puffs"), [(96, 6), (1000, 6), (1200, 7), (3000, 18)])
def test_six_puff_sleeves_in_a_thousand_and_never_fewer(count: int, puffs: int) -> None:
    dealt = quotas(words.SLEEVES, count)
    assert dealt["puff"] == puffs
    assert sum(dealt.values()) == count
    assert min(dealt.values()) >= MINIMUM_POSITIVES


def test_shares_add_up_to_one() -> None:
    for shares in (words.SLEEVES, words.ARCHETYPES):
        assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 7])
def test_sleeves_and_archetypes_meet_their_quotas_exactly(seed: int) -> None:
    products = sample_products(1000, seed)
    assert Counter(p.sleeve for p in products) == quotas(words.SLEEVES, 1000)
    assert Counter(p.archetype for p in products) == quotas(words.ARCHETYPES, 1000)


def test_sleeves_are_spread_over_the_catalogue() -> None:
    rare = [p.index for p in sample_products(1000, 0) if p.sleeve == "raglan"]
    assert rare[0] < 300
    assert rare[-1] > 700


def test_same_seed_same_products_and_another_seed_others() -> None:
    assert sample_products(200, 3) == sample_products(200, 3)
    assert sample_products(200, 3) != sample_products(200, 4)


def test_archetypes_lean_on_their_sleeves() -> None:
    products = sample_products(4000, 0)
    raglans = [p for p in products if p.sleeve == "raglan"]
    sporty = np.mean([p.archetype == "sporty" for p in products])
    assert np.mean([p.archetype == "sporty" for p in raglans]) > 2 * sporty


def test_what_cannot_be_sewn_is_not() -> None:
    for product in sample_products(3000, 1):
        fit = words.GARMENT_FIT.get(product.sleeve, {})
        assert fit.get(product.garment, 1) > 0
        assert product.neckline in words.NECKLINES[product.garment]
        assert product.length in words.LENGTHS[product.garment]
        assert not {"buttons", "zip"} <= set(product.details)


def test_a_few_cells_are_unknown_but_none_of_a_rare_sleeve() -> None:
    products = sample_products(2000, 0)
    share = np.mean([len(p.unknown) / len(words.ATTRIBUTES) for p in products])
    assert 0.015 < share < 0.035
    rare = [p for p in products if words.SLEEVES[p.sleeve] < words.RARE]
    assert not any("sleeve" in p.unknown for p in rare)
    assert any("sleeve" in p.unknown for p in products)


def test_some_products_have_several_details_and_some_none() -> None:
    counts = Counter(len(p.details) for p in sample_products(1000, 0))
    assert counts[0] > 100
    assert counts[2] > 100
