from __future__ import annotations

import math

import pytest

from longtailor.studies.headline import against, headline, plain, signed
from longtailor.studies.resampled import METRICS
from longtailor.studies.results import Difference, Estimate, Figures

NAN = math.nan
HALF, CHOSEN = "f1_macro_at_half", "f1_macro"
EFFECTIVE = "effective_number"


def figures_of(levels, differences=(), seeds=5):
    """Make figures: levels {name: {metric: mean}}; differences (a, metric, d, low, high, p)."""
    names = list(levels)
    estimates = {
        name: {
            metric: estimate(levels[name].get(metric, 0.5), seeds)
            if levels[name]
            else failed(seeds)
            for metric in METRICS
        }
        for name in names
    }
    given = {(a, metric): rest for a, metric, *rest in differences}
    paired = []
    for at, first in enumerate(names):
        for other in names[at + 1 :]:
            for metric in METRICS:
                d, low, high, p = (0.001, -0.01, 0.012, 1.0)
                if not levels[first] or not levels[other]:
                    d, low, high, p = (NAN,) * 4
                elif first == names[0] and (other, metric) in given:
                    d, low, high, p = given[other, metric]
                paired.append(Difference(first, other, metric, -d, -high, -low, p, p))
    return Figures(estimates, paired)


def estimate(mean, seeds):
    return Estimate(mean, mean - 0.02, mean + 0.02, (mean,) * seeds)


def failed(seeds):
    return Estimate(NAN, NAN, NAN, (NAN,) * seeds)


def told(figures, tail_labels=27, drawn=0.8):
    return headline(figures, tail_labels=tail_labels, drawn=drawn)


LEVELS = {
    "none": {"map": 0.625, HALF: 0.519, CHOSEN: 0.577},
    "inverse_frequency": {"map": 0.616, HALF: 0.55, CHOSEN: 0.571},
    EFFECTIVE: {"map": 0.621, HALF: 0.58, CHOSEN: 0.58},
}
AT_HALF = (EFFECTIVE, HALF, 0.061, 0.048, 0.074, 0.0001)


def test_a_threshold_alone_would_have_done_it():
    figures = figures_of(
        LEVELS,
        [
            ("inverse_frequency", "map", -0.009, -0.015, -0.003, 0.06),
            AT_HALF,
            ("inverse_frequency", HALF, 0.031, 0.02, 0.042, 0.001),
            (EFFECTIVE, CHOSEN, 0.003, -0.006, 0.012, 0.7),
        ],
    )
    assert told(figures) == (
        "Ranking: no objective differs from none by more than noise (mAP .625; largest difference "
        "-.009 for inverse_frequency, -.015 to -.003 before correcting for 2 comparisons). "
        "At 0.5, effective_number reaches macro F1 .580 against .519 for none "
        "(+.061, +.048 to +.074); inverse_frequency (+.031, +.020 to +.042) gains too. "
        "A threshold alone would have done it: with chosen thresholds the difference is "
        "+.003 (-.006 to +.012). "
        "In the tail (27 labels), no objective differs from none by more than noise (mAP .500; "
        "largest difference +.001 for inverse_frequency, -.010 to +.012); at 0.5, no objective "
        "differs from none by more than noise (macro F1 .500; largest difference +.001 for "
        "inverse_frequency, -.010 to +.012)."
    )


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        ((0.05, 0.03, 0.07, 0.001), "A threshold alone would not have done it: "),
        ((0.02, 0.01, 0.03, 0.001), "A threshold alone would have done most of it: "),
        ((-0.02, -0.03, -0.01, 0.001), "A threshold alone would have done more: "),
        ((0.02, -0.03, 0.07, 0.5), "Whether a threshold alone would have done it is open: "),
        ((0.02, 0.001, 0.03, 0.08), "A threshold alone would have done it: "),
    ],
)
def test_what_chosen_thresholds_leave_of_a_gain(left, verdict):
    text = told(figures_of(LEVELS, [AT_HALF, (EFFECTIVE, CHOSEN, *left)]))
    interval = f"{signed(left[0])} ({signed(left[1])} to {signed(left[2])})"
    assert f"{verdict}with chosen thresholds the difference is {interval}." in text


def test_nothing_wins():
    text = told(figures_of(LEVELS))
    assert text.count("no objective differs from none by more than noise") == 5
    assert "threshold alone" not in text
    assert "With chosen thresholds, no objective differs" in text


def test_who_loses_is_said():
    text = told(figures_of(LEVELS, [(EFFECTIVE, "map", -0.02, -0.03, -0.01, 0.001)]))
    assert text.startswith(
        "Ranking: no objective beats none by more than noise (mAP .625); effective_number "
        "(-.020, -.030 to -.010) falls behind. "
    )


def test_who_wins_with_chosen_thresholds_is_said_beside_the_verdict():
    text = told(
        figures_of(LEVELS, [AT_HALF, ("inverse_frequency", CHOSEN, 0.03, 0.02, 0.04, 0.001)])
    )
    assert "A threshold alone would have done it" in text
    assert "With chosen thresholds, inverse_frequency reaches macro F1 .571 against .577" in text


def test_two_objectives_are_named():
    text = told(figures_of({"none": LEVELS["none"], EFFECTIVE: LEVELS[EFFECTIVE]}))
    assert text.startswith(
        "Ranking: effective_number does not differ from none by more than noise (mAP .621 against "
        ".625; +.001, -.010 to +.012)."
    )


def test_one_objective_alone():
    text = told(figures_of({"none": {**LEVELS["none"], "threshold_gain": 0.058}}))
    assert text == (
        "none reaches mAP .625 (.605 to .645) and macro F1 .519 at 0.5, .577 with chosen "
        "thresholds (+.058, +.038 to +.078). There is no other objective to compare it with."
    )


def test_one_seed_or_one_training_set_is_said():
    beyond = "the intervals cover other test products, not other training products."
    assert told(figures_of(LEVELS, seeds=1)).endswith(f"One seed: {beyond}")
    all_products = told(figures_of(LEVELS), drawn=1.0)
    assert all_products.endswith(f"All seeds train on the same products: {beyond}")
    assert beyond not in told(figures_of(LEVELS))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (0, "No label of the tail has a test positive: nothing is said about it."),
        (1, "Only one label of the tail has a test positive: too few to judge it by."),
        (2, "Only two labels of the tail have a test positive: too few to judge it by."),
    ],
)
def test_a_tail_of_few_labels_carries_no_claim(labels, sentence):
    text = told(figures_of(LEVELS), tail_labels=labels)
    assert sentence in text
    assert "In the tail" not in text


def test_what_failed_is_left_out_and_named():
    text = told(figures_of({**LEVELS, "asl": {}}))
    assert "asl has no figures: its fits failed." in text
    without_first = told(figures_of({"asl": {}, **LEVELS}))
    assert without_first.startswith("Ranking: no objective differs from none")


def test_an_objective_without_a_seed_in_common_is_not_compared():
    figures = figures_of(LEVELS, [(EFFECTIVE, "map", NAN, NAN, NAN, NAN)])
    assert told(figures).startswith(
        "Ranking: inverse_frequency does not differ from none by more than noise"
    )


def test_nothing_at_all():
    assert told(figures_of({"none": {}, "asl": {}})).startswith("Nothing was measured")
    without = {metric: NAN for metric in METRICS if not metric.startswith(("brier", "ece"))}
    text = told(figures_of({"none": without, "asl": without}))
    assert text == "Nothing can be compared: no label has a positive among the test products."


def test_differences_are_found_in_both_directions():
    figures = figures_of(LEVELS, [AT_HALF])
    assert against(figures, HALF, EFFECTIVE, "none").difference == 0.061
    assert against(figures, HALF, "none", EFFECTIVE).high == -0.048
    with pytest.raises(KeyError):
        against(figures, HALF, "none", "none")


def test_figures_are_written_without_a_leading_zero():
    assert (plain(0.625), plain(1.0), plain(0.0)) == (".625", "1.000", ".000")
    assert (signed(0.0614), signed(-0.009), signed(-0.0001), signed(-1.0)) == (
        "+.061",
        "-.009",
        "+.000",
        "-1.000",
    )
