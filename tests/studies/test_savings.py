from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from longtailor.studies.measure import Measured, Samples
from longtailor.studies.results import Figures, Saving
from longtailor.studies.savings import _rising, curve_headline, saving_sentence, savings

PRODUCTS = (250, 500, 1000, 2000, 4000)
SEEDS, RESAMPLES = 5, 400


def curves(seed=0, noise=0.004, test_noise=0.01, drawn=(0.05, 0.1, 0.2, 0.4, 0.8), **levels):
    """Simulate budgets: by objective the true figure at each; seeds and resamples scatter.

    What the test products do is the same for all objectives, as on one test set.
    """
    random = np.random.default_rng(seed)
    shared = random.normal(scale=test_noise, size=(1, RESAMPLES))
    found = []
    for at, share in enumerate(drawn):
        samples = {}
        for name, level in levels.items():
            points = level[at] + random.normal(scale=noise, size=SEEDS)
            samples[name] = Samples({"map": points}, {"map": points[:, None] + shared})
        found.append(Measured(Figures({}, []), {}, [], {}, samples, share))
    return found


def logarithmic(products, shift=0.0):
    return 0.1 * np.log(np.asarray(products, dtype=float) * math.exp(shift))


def test_a_curve_that_is_ahead_by_a_factor_saves_that_factor():
    exact = curves(noise=0.0, a=logarithmic(PRODUCTS, math.log(1.45)), b=logarithmic(PRODUCTS))
    found = savings(exact, PRODUCTS, "a", "b")
    assert [saving.products for saving in found] == list(PRODUCTS)
    np.testing.assert_allclose(
        [saving.equivalent for saving in found[:-1]], 1.45 * np.array(PRODUCTS[:-1])
    )
    # What the test products do to both curves cancels.
    np.testing.assert_allclose(
        [saving.low for saving in found[:-1]], 1.45 * np.array(PRODUCTS[:-1])
    )
    assert found[-1].equivalent == found[-1].low == math.inf
    back = savings(exact, PRODUCTS, "b", "a")
    assert back[0].equivalent == 0
    np.testing.assert_allclose(
        [saving.equivalent for saving in back[1:]], np.array(PRODUCTS[1:]) / 1.45
    )


def test_equal_curves_need_equal_products():
    level = logarithmic(PRODUCTS)
    for saving in savings(curves(noise=0.0, a=level, b=level), PRODUCTS, "a", "b"):
        assert saving.equivalent == saving.products
        assert saving.low == saving.high == saving.products


def test_a_lower_brier_score_is_better():
    study = curves(noise=0.0, a=logarithmic(PRODUCTS, 0.3), b=logarithmic(PRODUCTS))
    for budget in study:
        for samples in budget.samples.values():
            samples.points["brier"] = 1 - samples.points["map"]
            samples.resampled["brier"] = 1 - samples.resampled["map"]
    by_map, by_brier = (
        savings(study, PRODUCTS, "a", "b", metric=metric) for metric in ("map", "brier")
    )
    for first, second in zip(by_map, by_brier, strict=True):
        assert (second.equivalent, second.low) == pytest.approx((first.equivalent, first.low))


def test_the_interval_grows_with_the_scatter_of_the_seeds_and_the_share_drawn():
    levels = {"a": logarithmic(PRODUCTS, 0.2), "b": logarithmic(PRODUCTS)}
    still = savings(curves(noise=0.001, **levels), PRODUCTS, "a", "b")[1]
    loud = savings(curves(noise=0.004, **levels), PRODUCTS, "a", "b")[1]
    high_share = savings(curves(noise=0.001, drawn=[0.8] * 5, **levels), PRODUCTS, "a", "b")[1]
    assert loud.high - loud.low > 2 * (still.high - still.low)
    assert high_share.high - high_share.low > 2 * (still.high - still.low)
    assert still.low < still.equivalent < still.high


def test_the_interval_covers_the_true_saving():
    """Seeds of fresh pools: 150 studies, a coverage of 95 % has a standard error of 1.8 points."""
    levels = {"a": logarithmic(PRODUCTS, 0.3), "b": logarithmic(PRODUCTS)}
    covered = []
    for trial in range(150):
        study = curves(seed=trial, test_noise=0.0, drawn=[1e-6] * 5, **levels)
        found = savings(study, PRODUCTS, "a", "b", seed=trial)[2]
        covered.append(found.low <= 1000 * math.exp(0.3) <= found.high)
    assert 0.89 <= np.mean(covered) <= 1.0


def test_a_missing_seed_and_a_missing_budget():
    study = curves(a=logarithmic(PRODUCTS, 0.2), b=logarithmic(PRODUCTS))
    study[0].samples["a"].points["map"][2] = np.nan
    study[0].samples["a"].resampled["map"][2] = np.nan
    study[3].samples["a"].points["map"][:] = np.nan
    study[1].samples["b"].points["map"][:] = np.nan
    found = savings(study, PRODUCTS, "a", "b")
    assert [saving.products for saving in found] == [250, 500, 1000, 4000]
    assert all(saving.low <= saving.equivalent <= saving.high for saving in found)
    for budget in study:
        budget.samples["b"].points["map"][:] = np.nan
    assert savings(study, PRODUCTS, "a", "b") == []


def test_the_rising_curve_is_the_isotonic_regression():
    curve = np.random.default_rng(0).normal(size=(40, 6)) + np.arange(6) * 0.4
    expected = [isotonic_regression(row).x for row in curve]
    np.testing.assert_allclose(_rising(curve), expected, atol=1e-12)


def sentence(equivalent, low, high, products=1000):
    return saving_sentence(
        Saving("effective_number", "none", "map", products, equivalent, low, high), PRODUCTS
    )


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ((1447.0, 1203.0, 1704.0), "reaches what none needs 1,450 for (1,200 to 1,700)."),
        (
            (1100.0, 900.0, 1300.0),
            "reaches what none needs 1,100 for (900 to 1,300), which is no more than noise.",
        ),
        ((700.0, 600.0, 800.0), "reaches only what none needs 700 for (600 to 800)."),
        (
            (math.inf, 2100.0, math.inf),
            "reaches what none does not reach with 4,000, the most that was measured "
            "(2,100 to more than 4,000).",
        ),
        (
            (math.inf, math.inf, math.inf),
            "reaches what none does not reach with 4,000, the most that was measured "
            "(more than 4,000).",
        ),
        (
            (0.0, 0.0, 400.0),
            "does not reach what none reaches with 250 (fewer than 250 to 400).",
        ),
        ((0.0, 0.0, 0.0), "does not reach what none reaches with 250 (fewer than 250)."),
    ],
)
def test_a_saving_in_words(figures, expected):
    assert sentence(*figures) == f"effective_number with 1,000 labelled products {expected}"


def test_the_headline_tells_the_middle_budget_whatever_it_says():
    found = [
        Saving(a, "none", metric, products, 1.5 * products, 1.2 * products, 2.0 * products)
        for metric in ("map", "f1_macro_at_half")
        for a in ("effective_number",)
        for products in PRODUCTS
    ]
    assert curve_headline(found, PRODUCTS) == (
        "By mAP, effective_number with 1,000 labelled products reaches what none needs 1,500 for "
        "(1,200 to 2,000). By macro F1 at 0.5, effective_number with 1,000 labelled products "
        "reaches what none needs 1,500 for (1,200 to 2,000)."
    )
    assert curve_headline([], PRODUCTS) == "No two objectives can be compared."
