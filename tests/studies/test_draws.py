from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longtailor.catalog import Catalog
from longtailor.labels import LabelSpace
from longtailor.studies.draws import Draw, annotate, trained_share

SHARES = (0.03, 0.1, 0.37, 0.5, 1.0)


def simulated(products: int, rates: list[float], seed: int = 0, group: int = 1) -> Catalog:
    """Draw labels at random; so many products in a row form a group; a fifth is test."""
    random = np.random.default_rng(seed)
    matrix = (random.random((products, len(rates))) < rates).astype(np.int8)
    units = np.arange(products) // group
    return Catalog(
        ids=tuple(map(str, range(products))),
        images=(None,) * products,
        texts=(None,) * products,
        matrix=matrix,
        space=LabelSpace([f"a:{name}" for name in range(len(rates))]),
        split=np.where(units % 5 == 0, "test", np.where(units % 5 == 1, "val", "train")),
        group=np.array([f"g{unit}" if group > 1 else "" for unit in units]),
        rows=np.arange(products),
    )


def rows(draw: Draw) -> set[int]:
    return {*draw.train.tolist(), *draw.val.tolist()}


@settings(max_examples=25)
@given(
    products=st.integers(12, 120),
    seed=st.integers(0, 99),
    group=st.integers(1, 4),
    shares=st.lists(st.floats(0.01, 1.0), min_size=2, max_size=4),
)
def test_draws_are_nested_disjoint_and_keep_groups(products, seed, group, shares):
    catalog = simulated(products, [0.5, 0.1, 0.02], seed, group)
    annotation = annotate(catalog, seed)
    draws = [annotation.draw(share) for share in sorted(shares)]
    for smaller, larger in itertools.pairwise(draws):
        assert set(smaller.train) <= set(larger.train)
        assert set(smaller.val) <= set(larger.val)
    for draw in (*draws, annotation.draw()):
        assert not set(draw.train) & set(draw.val)
        assert (catalog.split[[*rows(draw)]] != "test").all()
        assert len(draw.train) > 0
        assert (np.diff(draw.train) > 0).all()
        if group > 1:
            members = set(catalog.group[[*rows(draw)]])
            of_members = {
                row
                for row in range(products)
                if catalog.group[row] in members and catalog.split[row] != "test"
            }
            assert of_members == rows(draw)
            assert not set(catalog.group[draw.train]) & set(catalog.group[draw.val])
    assert rows(annotation.draw()) == set(np.flatnonzero(catalog.split != "test"))


@pytest.mark.parametrize("seed", range(5))
def test_draws_have_the_size_and_the_labels_of_their_share(seed):
    catalog = simulated(1500, [0.6, 0.2, 0.05], seed)
    pool = catalog.split != "test"
    annotation = annotate(catalog, seed)
    for share in SHARES:
        draw = annotation.draw(share)
        assert len(draw) == pytest.approx(share * pool.sum(), abs=1.01)
        assert len(draw.train) == pytest.approx(5 / 6 * len(draw), abs=2)
    half = annotation.draw(0.5)
    for part in (half.train, half.val):
        expected = len(part) / pool.sum() * catalog.matrix[pool].sum(axis=0)
        # Blocks differ by one positive of a label: ten of twenty have at most a few too many.
        np.testing.assert_allclose(catalog.matrix[part].sum(axis=0), expected, atol=6)


def test_stratified_draws_vary_less_than_random_ones():
    catalog = simulated(1200, [0.3], 1)
    pool = catalog.split != "test"
    counts = [catalog.matrix[annotate(catalog, s).draw(0.5).train, 0].sum() for s in range(30)]
    drawn, positives = 400, int(catalog.matrix[pool].sum())
    rate = positives / pool.sum()
    random = np.sqrt(drawn * rate * (1 - rate) * (1 - drawn / pool.sum()))
    assert np.std(counts) < random / 2


def test_every_product_is_as_likely_to_be_drawn():
    # Two positives: were the increments blocks of their own size, the largest would have both.
    catalog = simulated(40, [0.0], 0)
    catalog.matrix[[2, 3]] = 1
    drawn = np.array(
        [[*np.isin([2, 3], [*rows(annotate(catalog, seed).draw(0.25))])] for seed in range(400)]
    )
    assert drawn.mean() == pytest.approx(0.25, abs=3 * np.sqrt(0.25 * 0.75 / 800))


def test_the_same_seed_draws_the_same_and_another_does_not():
    catalog = simulated(100, [0.3, 0.1])
    draws = [annotate(catalog, seed).draw(0.5) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(draws[0].train, draws[1].train)
    np.testing.assert_array_equal(draws[0].val, draws[1].val)
    assert rows(draws[0]) != rows(draws[2])


def test_positives_of_one_label_leave_and_nothing_else():
    catalog = simulated(600, [0.5, 0.1], 2)
    annotation = annotate(catalog, 0)
    full = annotation.draw()
    there = int((catalog.matrix[full.train, 1] == 1).sum())
    before: set[int] = set()
    for positives in (1, 5, there):
        draw = annotation.with_positives(catalog.matrix, 1, positives)
        carriers = set(draw.train[catalog.matrix[draw.train, 1] == 1].tolist())
        assert len(carriers) == positives
        assert before <= carriers
        before = carriers
        np.testing.assert_array_equal(
            draw.train[catalog.matrix[draw.train, 1] != 1],
            full.train[catalog.matrix[full.train, 1] != 1],
        )
        in_val = (catalog.matrix[full.val, 1] == 1).sum()
        kept = (catalog.matrix[draw.val, 1] == 1).sum()
        assert kept == pytest.approx(positives / there * in_val, abs=0.5)
    assert rows(draw) == rows(full)


def test_the_share_trained_on():
    catalog = simulated(300, [0.3])
    draws = [annotate(catalog, seed).draw(0.5) for seed in range(3)]
    assert trained_share(catalog, draws) == pytest.approx(0.5 * 5 / 6, abs=0.01)
