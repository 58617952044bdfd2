from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from longtailor.evaluation.metrics import evaluate
from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.studies.intervals import holm, training_factor
from longtailor.studies.measure import measure, measure_label
from longtailor.studies.resampled import METRICS
from longtailor.studies.results import StudyFit

LABELS, PRODUCTS = 5, 150
OBJECTIVES, SEEDS = ["none", "asl", "inverse_frequency"], [3, 1, 4]
BANDS = np.array(["head", "head", "medium", "tail", "tail"])
ATTRIBUTES = {"sleeve": np.array([0, 3, 4]), "usage": np.array([1, 2])}


def fit_of(objective, seed, matrix, skill):
    random = np.random.default_rng([seed, len(objective)])
    shared = np.random.default_rng(99).normal(size=matrix.shape)
    logits = skill * (matrix == 1) + shared + 0.3 * random.normal(size=matrix.shape) - 1
    return StudyFit(
        objective,
        seed,
        expit(logits).astype(np.float32),
        expit(logits - 0.5).astype(np.float32),
        np.full(LABELS, 0.4),
        np.ones(LABELS, np.int64),
        1.0,
        1.0,
    )


@pytest.fixture
def study():
    random = np.random.default_rng(0)
    matrix = (random.random((PRODUCTS, LABELS)) < [0.5, 0.4, 0.2, 0.1, 0.05]).astype(np.int8)
    matrix[random.random(matrix.shape) < 0.1] = -1
    matrix[:, 4] = np.minimum(matrix[:, 4], 0)
    fits = [
        fit_of(objective, seed, matrix, skill)
        for objective, skill in zip(OBJECTIVES, (1.0, 1.2, 2.5), strict=True)
        for seed in SEEDS
    ]
    return fits, matrix


def measured(fits, matrix, **changes):
    settings = {"drawn": 0.6, "attributes": ATTRIBUTES, "resamples": 200} | changes
    return measure(fits, matrix, BANDS, OBJECTIVES, SEEDS, **settings)


def test_the_figures_of_each_seed_are_those_of_an_evaluation(study):
    fits, matrix = study
    result = measured(fits, matrix)
    for fit in fits:
        summary = evaluate(
            fit.probabilities, matrix, fit.thresholds, BANDS, corrected=fit.corrected, resamples=2
        ).summary
        at = SEEDS.index(fit.seed)
        for metric in METRICS:
            if not metric.startswith("threshold_gain"):
                estimate = result.figures.estimates[fit.objective][metric]
                assert estimate.seeds[at] == pytest.approx(summary[metric])
                assert estimate.mean == pytest.approx(np.mean(estimate.seeds))
                assert estimate.low <= estimate.mean <= estimate.high
    for objective in OBJECTIVES:
        own = [
            average_precision(fit.probabilities, matrix)
            for fit in fits
            if fit.objective == objective
        ]
        np.testing.assert_allclose(result.ap[objective], np.mean(own, axis=0), rtol=1e-6)


def test_a_paired_difference_by_hand(study):
    fits, matrix = study
    result = measured(fits, matrix)
    weights = bootstrap_weights(PRODUCTS, 200, 0)
    points, resampled = [], []
    for seed in SEEDS:
        first, second = (
            next(fit.probabilities for fit in fits if (fit.objective, fit.seed) == (name, seed))
            for name in ("none", "inverse_frequency")
        )
        points.append(
            np.nanmean(average_precision(first, matrix) - average_precision(second, matrix))
        )
        resampled.append(
            np.nanmean(average_precision(first, matrix, weights), axis=1)
            - np.nanmean(average_precision(second, matrix, weights), axis=1)
        )
    resampled = np.array(resampled)
    units = (matrix == 1).any(axis=1).sum()
    trained = training_factor(3, 0.6) * np.var(points, ddof=1)
    over = resampled.mean(axis=0)
    both = training_factor(3, 0.6) * ((resampled - over).var(axis=1, ddof=1).sum() / 2)
    test = over.var(ddof=1) * units / (units - 1)
    error = np.sqrt(max(trained - both, 0) + test)
    freedom = (trained + test) ** 2 / (trained**2 / 2 + test**2 / (units - 1))
    found = next(
        d
        for d in result.figures.paired
        if (d.a, d.b, d.metric) == ("none", "inverse_frequency", "map")
    )
    assert found.difference == pytest.approx(np.mean(points))
    reach = stats.t.ppf(0.975, freedom) * error
    assert found.low == pytest.approx(found.difference - reach, rel=1e-5)
    assert found.high == pytest.approx(found.difference + reach, rel=1e-5)
    statistic = abs(found.difference) / error
    assert found.p_value == pytest.approx(2 * stats.t.sf(statistic, freedom), rel=1e-4)


def test_all_pairs_are_compared_and_those_with_the_first_corrected_together(study):
    result = measured(*study)
    for figures in (result.figures, *result.by_attribute.values()):
        assert len(figures.paired) == 3 * len(METRICS)
        for metric in METRICS:
            pairs = [d for d in figures.paired if d.metric == metric]
            assert [(d.a, d.b) for d in pairs] == [
                ("none", "asl"),
                ("none", "inverse_frequency"),
                ("asl", "inverse_frequency"),
            ]
            np.testing.assert_array_equal(
                [d.p_adjusted for d in pairs],
                [*holm([d.p_value for d in pairs[:2]]), pairs[2].p_value],
            )


def test_the_figures_of_an_attribute_are_those_of_its_labels_alone(study):
    fits, matrix = study
    result = measured(fits, matrix)
    columns = ATTRIBUTES["sleeve"]
    alone = measure(
        [
            StudyFit(
                fit.objective,
                fit.seed,
                fit.probabilities[:, columns],
                fit.corrected[:, columns],
                fit.thresholds[columns],
                fit.train_positive[columns],
                1.0,
                1.0,
            )
            for fit in fits
        ],
        matrix[:, columns],
        BANDS[columns],
        OBJECTIVES,
        SEEDS,
        drawn=0.6,
        resamples=200,
    )
    # As text NaN equals NaN.
    assert repr(alone.figures) == repr(result.by_attribute["sleeve"])
    assert list(result.by_attribute) == list(ATTRIBUTES)


def test_an_attribute_with_all_labels_has_the_figures_of_all(study):
    result = measured(*study, attributes={"tag": np.arange(LABELS)}, resamples=20)
    assert repr(result.by_attribute) == repr({"tag": result.figures})


def test_labels_are_compared_with_the_first_objective(study):
    fits, matrix = study
    result = measured(fits, matrix)
    assert [(found.a, found.b) for found in result.labels] == [
        ("asl", "none"),
        ("inverse_frequency", "none"),
    ]
    found = result.labels[1]
    expected = result.ap["inverse_frequency"] - result.ap["none"]
    np.testing.assert_allclose(found.difference, expected, atol=1e-6)
    for figure in (found.difference, found.low, found.high, found.p_adjusted):
        np.testing.assert_array_equal(np.isnan(figure), [False] * 4 + [True])
    assert (found.low <= found.difference)[:4].all()
    assert found.p_adjusted[0] < 0.05


def test_a_difference_takes_the_seeds_that_both_have(study):
    fits, matrix = study
    lacking = [fit for fit in fits if (fit.objective, fit.seed) != ("asl", 1)]
    result = measured(lacking, matrix)
    estimate = result.figures.estimates["asl"]["map"]
    assert np.isnan(estimate.seeds[1])
    assert estimate.mean == pytest.approx(np.mean([estimate.seeds[0], estimate.seeds[2]]))
    none = result.figures.estimates["none"]["map"].seeds
    by_pair = {(d.a, d.b): d for d in result.figures.paired if d.metric == "map"}
    expected = np.mean([none[at] - estimate.seeds[at] for at in (0, 2)])
    assert by_pair["none", "asl"].difference == pytest.approx(expected)
    whole = measured(fits, matrix).figures.paired
    same = next(d for d in whole if (d.a, d.b, d.metric) == ("none", "inverse_frequency", "map"))
    assert by_pair["none", "inverse_frequency"].difference == same.difference


def test_an_objective_that_failed_everywhere_has_no_figures(study):
    fits, matrix = study
    result = measured([fit for fit in fits if fit.objective != "asl"], matrix)
    assert np.isnan(result.figures.estimates["asl"]["map"].low)
    assert np.isnan(result.ap["asl"]).all()
    by_pair = {(d.a, d.b): d for d in result.figures.paired if d.metric == "map"}
    assert np.isnan(by_pair["none", "asl"].difference)
    assert np.isnan(by_pair["none", "asl"].p_adjusted)
    left = by_pair["none", "inverse_frequency"]
    assert left.p_adjusted == left.p_value
    assert np.isnan(result.labels[0].difference).all()


def test_the_same_objective_twice_does_not_differ(study):
    fits, matrix = study
    twins = [fit for fit in fits if fit.objective == "none"]
    twins += [
        StudyFit(
            "asl",
            fit.seed,
            fit.probabilities,
            fit.corrected,
            fit.thresholds,
            fit.train_positive,
            1.0,
            1.0,
        )
        for fit in twins
    ]
    result = measure(twins, matrix, BANDS, ["none", "asl"], SEEDS, drawn=0.6, resamples=50)
    for found in result.figures.paired:
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_one_seed_and_one_objective(study):
    fits, matrix = study
    result = measure(fits[:1], matrix, BANDS, ["none"], [3], drawn=1.0, resamples=50)
    assert result.figures.paired == []
    assert result.labels == []
    estimate = result.figures.estimates["none"]["map"]
    assert 0 < estimate.low < estimate.mean < estimate.high < 1


def test_one_positive_says_nothing_about_its_label(study):
    fits, matrix = study
    single = matrix.copy()
    single[:, 3] = np.minimum(single[:, 3], 0)
    single[11, 3] = 1
    found = measured(fits, single).labels[1]
    assert (found.low[3], found.high[3]) == (-1, 1)
    assert found.p_adjusted[3] == 1


def test_groups_are_drawn_together(study):
    fits, matrix = study
    tenfold = [
        StudyFit(
            fit.objective,
            fit.seed,
            np.repeat(fit.probabilities, 10, axis=0),
            np.repeat(fit.corrected, 10, axis=0),
            fit.thresholds,
            fit.train_positive,
            1.0,
            1.0,
        )
        for fit in fits
    ]
    groups = np.repeat([str(number) for number in range(PRODUCTS)], 10)
    alone = measured(fits, matrix).figures.estimates["none"]["f1_macro"]
    together = measured(tenfold, np.repeat(matrix, 10, axis=0), groups=groups)
    grouped = together.figures.estimates["none"]["f1_macro"]
    assert grouped.mean == pytest.approx(alone.mean)
    assert grouped.low == pytest.approx(alone.low)
    assert grouped.high == pytest.approx(alone.high)


def test_one_label_by_itself(study):
    fits, matrix = study
    found = measure_label(fits, matrix, 2, OBJECTIVES, SEEDS, drawn=0.6, resamples=100)
    for objective in OBJECTIVES:
        own = [
            average_precision(fit.probabilities, matrix)[2]
            for fit in fits
            if fit.objective == objective
        ]
        assert found[objective].seeds == pytest.approx(own)
        assert found[objective].low < np.mean(own) < found[objective].high
    missing = measure_label(fits, matrix, 4, OBJECTIVES, SEEDS, drawn=0.6, resamples=10)
    assert np.isnan(missing["none"].mean)
    assert np.isnan(missing["none"].low)
