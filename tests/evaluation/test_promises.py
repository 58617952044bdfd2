from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom

from longtailor.evaluation.promises import NEVER, Promise, fewest, promise_precision


def ranked(*cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Give one label whose scores fall in the order of the cells."""
    return np.linspace(0.99, 0.01, len(cells))[:, None], np.array(cells, dtype=np.int8)[:, None]


@pytest.mark.parametrize(("precision", "delta"), [(0.9, 0.1), (0.8, 0.05)])
def test_the_promise_is_broken_no_more_often_than_delta(precision, delta):
    random = np.random.default_rng(0)

    def draw(products, draws):
        positive = random.random((products, draws)) < 0.3
        return random.normal(size=(products, draws)) + 2.5 * positive, positive

    z, positive = (values[:, 0] for values in draw(400_000, 1))
    order = np.argsort(-z)
    true = np.cumsum(positive[order]) / np.arange(1, len(z) + 1)
    z_val, positive_val = draw(400, 250)
    found = promise_precision(expit(z_val), positive_val.astype(np.int8), precision, delta)
    assert found.kept.sum() > 10
    above = np.searchsorted(-expit(z[order]), -found.thresholds[found.kept], side="right")
    broken = (true[above - 1] < precision).sum()
    # Of 250 draws; three standard errors above delta would be a broken promise.
    assert broken <= binom.ppf(0.999, 250, delta)


def test_all_hits_suffice_from_the_fewest_on():
    least = fewest(0.9)
    assert 0.9**least <= 0.07 < 0.9 ** (least - 1)
    enough = promise_precision(*ranked(*[1] * least, *[0] * 50), 0.9)
    assert enough.kept.tolist() == [True]
    assert enough.lacking.tolist() == [0]
    short = promise_precision(*ranked(*[1] * (least - 1), *[0] * 50), 0.9)
    assert short.kept.tolist() == [False]
    assert short.thresholds.tolist() == [NEVER]
    assert 1 <= short.lacking[0] <= 0.1 * least + 1


def test_the_threshold_is_above_the_first_product_left_out():
    scores, cells = ranked(*[1] * 40, *[0] * 60)
    (threshold,) = promise_precision(scores, cells, 0.9).thresholds
    predicted = scores[:, 0] >= threshold
    assert predicted.sum() in range(fewest(0.9), 45)
    assert threshold > scores[predicted.sum(), 0]
    assert threshold - scores[predicted.sum(), 0] < 1e-9


def test_equal_scores_are_predicted_together_or_not_at_all():
    scores = np.array([0.9] * 30 + [0.5] * 30 + [0.1] * 40)[:, None]
    cells = np.array([1] * 30 + [1] * 10 + [0] * 60, dtype=np.int8)[:, None]
    found = promise_precision(scores, cells, 0.9)
    assert (scores >= found.thresholds).sum() == 30


def test_unknown_cells_take_no_part():
    scores, cells = ranked(*[1] * 40, *[0] * 60)
    alone = promise_precision(scores, cells, 0.9)
    extra = np.random.default_rng(0).random((500, 1))
    more = promise_precision(
        np.concatenate([scores, extra]),
        np.concatenate([cells, np.full((500, 1), -1, dtype=np.int8)]),
        0.9,
    )
    assert more.thresholds.tolist() == alone.thresholds.tolist()


def test_what_is_lacking():
    # No positive at all, ten ranked first, and many that no threshold tells from the rest.
    none = promise_precision(*ranked(*[0] * 100), 0.9).lacking
    ten = promise_precision(*ranked(*[1] * 10, *[0] * 90), 0.9).lacking
    mixed = promise_precision(*ranked(*[0, 1] * 100), 0.9).lacking
    assert none.tolist() == [fewest(0.9)]
    assert fewest(0.9) - 10 <= ten[0] <= 1.1 * fewest(0.9) - 9
    assert math.isnan(mixed[0])


def test_more_of_the_same_makes_the_promise_that_lacking_foretells():
    cells = [1] * 9 + [0] + [1] * 10 + [0] * 80
    found = promise_precision(*ranked(*cells), 0.9)
    (lacking,) = found.lacking
    times = math.ceil((sum(cells) + lacking) / sum(cells))
    scores = np.concatenate([ranked(*cells)[0]] * times) + np.random.default_rng(0).normal(
        0, 1e-6, (100 * times, 1)
    )
    assert not found.kept.any()
    assert promise_precision(
        scores, np.array(cells * (times + 1), np.int8)[: len(scores), None], 0.9
    ).kept.all()


def test_without_products_nothing_is_promised():
    found = promise_precision(np.empty((0, 2)), np.empty((0, 2), dtype=np.int8), 0.9)
    assert not found.kept.any()
    assert found.lacking.tolist() == [fewest(0.9)] * 2


def test_json_gives_the_promise_back():
    found = promise_precision(
        np.random.default_rng(0).random((60, 2)), np.tile([[1, 0], [1, 1]], (30, 1)), 0.7
    )
    again = Promise.from_dict(json.loads(json.dumps(found.to_dict())), found.thresholds)
    assert again.to_dict() == found.to_dict()
    with pytest.raises(ValueError, match="another number of labels"):
        Promise.from_dict(found.to_dict(), np.zeros(3))


def test_the_summary_counts_labels():
    promise = Promise(
        0.9, 0.1, np.array([0.5, 0.6, 1.0]), np.array([True, True, False]), np.array([0, 0, 7.0])
    )
    summary = promise.summarise(np.array([0.95, math.nan, 0.99]))
    assert summary == {
        "precision": 0.9,
        "delta": 0.1,
        "labels_promised": 2,
        "labels_without": 1,
        "test_labels_measured": 1,
        "test_labels_reaching": 1,
    }


@pytest.mark.parametrize("precision", [0.0, 1.0, 90.0])
def test_a_precision_is_a_share(precision):
    with pytest.raises(ValueError, match="not between 0 and 1"):
        promise_precision(*ranked(1, 0), precision)
