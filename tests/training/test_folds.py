from __future__ import annotations

import numpy as np
import pytest

from longtailor.training.folds import deal_folds


def matrix(products=200, seed=0):
    random = np.random.default_rng(seed)
    return (random.random((products, 4)) < [0.5, 0.2, 0.05, 0.1]).astype(np.int8)


def no_groups(products):
    return np.full(products, "")


def test_every_product_is_in_one_fold():
    folds = deal_folds(matrix(), no_groups(200), 5)
    assert np.sort(np.concatenate(folds)).tolist() == list(range(200))
    assert {len(fold) for fold in folds} <= set(range(37, 44))


def test_folds_have_all_labels_in_proportion():
    labels = matrix()
    counts = np.array([labels[fold].sum(axis=0) for fold in deal_folds(labels, no_groups(200), 5)])
    assert (np.ptp(counts, axis=0) <= 3).all()
    assert counts[:, 2].min() >= labels[:, 2].sum() // 5 - 1


def test_a_group_stays_in_one_fold():
    group = np.array([f"g{row // 4}" for row in range(200)])
    for fold in deal_folds(matrix(), group, 5):
        assert len(fold) == 4 * len(set(group[fold]))


def test_the_seed_decides():
    first, again, other = (deal_folds(matrix(), no_groups(200), 5, seed) for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any(len(a) != len(b) or (a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("products", "expected"), [(0, 0), (1, 1), (3, 3), (6, 5)])
def test_there_are_no_empty_folds(products, expected):
    folds = deal_folds(matrix(products), no_groups(products), 5)
    assert len(folds) <= expected
    assert all(len(fold) for fold in folds)
    assert sum(len(fold) for fold in folds) == products


def test_unknown_is_not_positive():
    labels = np.full((40, 2), -1, np.int8)
    labels[:10, 0] = 1
    counts = [(labels[fold, 0] == 1).sum() for fold in deal_folds(labels, no_groups(40), 5)]
    assert counts == [2] * 5
