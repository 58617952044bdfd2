from __future__ import annotations

import numpy as np
import pytest

from longtailor.errors import UsageError
from longtailor.studies.suggest import STRATEGIES, Candidates, suggest


def make(probabilities, positives=None, features=None, unknown=None, annotated=None):
    p = np.asarray(probabilities, dtype=np.float64)
    x = np.eye(len(p), dtype=np.float32) if features is None else np.asarray(features, np.float32)
    return Candidates(
        p,
        np.ones(p.shape, dtype=np.bool_) if unknown is None else np.asarray(unknown),
        np.full(p.shape[1], 4) if positives is None else np.asarray(positives),
        x,
        np.empty((0, x.shape[1]), np.float32) if annotated is None else np.asarray(annotated),
    )


def drawn(products=60, labels=4, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(products, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return make(random.beta(0.3, 3, (products, labels)), [2, 3, 5, 9], x, annotated=x[:5])


def test_expected_takes_the_product_that_the_rarest_label_gains_most_from():
    found = suggest(make([[0.6, 0.0], [0.0, 0.5], [0.1, 0.1]], [12, 2]), 3, "expected")
    assert found.products.tolist() == [1, 0, 2]
    np.testing.assert_allclose(found.scores[0], 0.5 / 2)
    assert [one.tolist() for one in found.helps] == [[1], [0], [1, 0]]


def test_a_label_that_found_positives_lets_others_have_a_turn():
    p = [[0.9, 0.0]] * 4 + [[0.0, 0.5]] * 2
    found = suggest(make(p, [1, 1]), 6, "expected")
    # Gains of the first label: .9 / 1, .9 / 1.9, ...; of the second: .5 / 1, .5 / 1.5.
    assert found.products.tolist() == [0, 4, 1, 5, 2, 3]


def test_expected_is_the_best_by_a_naive_search_at_each_step():
    candidates = drawn()
    found = suggest(candidates, 20, "expected", near_duplicate=2.0)
    n = candidates.positives.astype(float)
    left = list(range(60))
    for product, score in zip(found.products, found.scores, strict=True):
        gains = [sum(candidates.probabilities[i, j] / n[j] for j in range(4)) for i in left]
        assert product == left[int(np.argmax(gains))]
        assert score == pytest.approx(max(gains))
        n += candidates.probabilities[product]
        left.remove(product)


def test_what_is_known_already_counts_for_nothing():
    found = suggest(make([[0.9], [0.2]], unknown=[[False], [True]]), 2, "expected")
    assert found.products.tolist() == [1, 0]
    assert found.scores[1] == 0
    assert found.helps[1].tolist() == []


def test_uncertainty_is_entropy_in_bits():
    found = suggest(make([[0.5, 0.5], [0.5, 1.0], [0.9, 0.1]]), 3, "uncertainty")
    assert found.products.tolist() == [0, 1, 2] or found.products.tolist() == [0, 2, 1]
    np.testing.assert_allclose(found.scores[0], 2.0)
    np.testing.assert_allclose(sorted(found.scores)[0], 2 * 0.46899559)


def test_diversity_goes_to_the_farthest_each_time():
    angles = np.deg2rad([0.0, 10.0, 90.0, 50.0])
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = suggest(make(np.zeros((4, 1)), features=x, annotated=x[:1]), 4, "diversity")
    assert found.products.tolist()[:2] == [2, 3]
    np.testing.assert_allclose(found.scores[:2], [1.0, 1 - np.cos(np.deg2rad(40))], atol=1e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_scores_do_not_rise_and_no_product_comes_twice(strategy):
    found = suggest(drawn(), 60, strategy, near_duplicate=2.0)
    assert sorted(found.products) == list(range(60))
    assert (np.diff(found.scores) <= 1e-12).all()
    assert found.near_duplicates == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_near_duplicates_wait_for_the_end(strategy):
    x = np.repeat(np.eye(4, dtype=np.float32), 2, axis=0)
    p = [[0.9], [0.9], [0.5], [0.5], [0.4], [0.4], [0.3], [0.3]]
    found = suggest(make(p, features=x), 6, strategy)
    assert {product // 2 for product in found.products[:4]} == {0, 1, 2, 3}
    assert found.near_duplicates == 2
    assert len(set(found.products.tolist())) == 6


def test_the_mix_prefers_what_is_far_from_the_annotated():
    x = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    candidates = make([[0.5], [0.45], [0.01]], features=x, annotated=[[0.9, np.sqrt(0.19), 0]])
    assert suggest(candidates, 3, "expected").products.tolist() == [0, 1, 2]
    assert suggest(candidates, 3, "mix").products.tolist() == [1, 0, 2]


def test_random_goes_by_its_seed():
    a, b, c = (suggest(drawn(), 10, "random", seed=s).products.tolist() for s in (1, 1, 2))
    assert a == b != c


def test_an_unknown_strategy_is_refused():
    with pytest.raises(UsageError, match="--strategy best: use mix, expected"):
        suggest(drawn(), 3, "best")


def test_a_budget_beyond_the_candidates_gives_all_of_them():
    assert len(suggest(drawn(products=7), 100).products) == 7
