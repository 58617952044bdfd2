from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from sklearn.metrics import precision_recall_fscore_support

from longtailor.evaluation.decisions import decide, judge


@given(st.integers(1, 20), st.data())
@settings(max_examples=150)
def test_judge_equals_scikit_learn_over_the_known_cells(products, data):
    predicted = data.draw(hnp.arrays(bool, (products, 3)))
    matrix = data.draw(hnp.arrays(np.int8, (products, 3), elements=st.integers(-1, 1)))
    result = judge(predicted, matrix)
    for label in range(3):
        known = matrix[:, label] >= 0
        truth, yes = matrix[known, label], predicted[known, label]
        if not truth.any():
            assert np.isnan([figure[label] for figure in result]).all()
            continue
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, yes, average="binary", zero_division=np.nan
        )
        assert result.precision[label] == pytest.approx(precision, nan_ok=True)
        assert result.recall[label] == pytest.approx(recall)
        assert result.f1[label] == pytest.approx(f1)


def test_nothing_predicted_has_no_precision_and_an_f1_of_zero():
    result = judge(np.zeros((3, 1), bool), np.array([[1], [0], [-1]], np.int8))
    assert result.f1[0] == 0
    assert result.recall[0] == 0
    assert np.isnan(result.precision[0])


def test_judge_without_products():
    assert np.isnan(judge(np.zeros((0, 2), bool), np.zeros((0, 2), np.int8)).f1).all()


def test_decide_reaches_the_threshold():
    predicted = decide([[0.2, 0.5, 0.7], [0.3, 0.49, 0.69]], [0.3, 0.5, 0.7])
    assert predicted.tolist() == [[False, True, True], [True, False, False]]


def test_of_an_exclusive_attribute_the_value_furthest_above_its_threshold_is_predicted():
    probabilities = np.array(
        [
            [0.6, 0.3, 0.9, 0.2],  # 0.6 just reaches its threshold, 0.3 is far above 0.05
            [0.9, 0.04, 0.1, 0.9],
            [0.1, 0.01, 0.0, 0.0],  # none reaches its threshold: the least below
            [0.0, 0.0, 1.0, 1.0],
        ]
    )
    thresholds = [0.6, 0.05, 0.5, 0.5]
    predicted = decide(probabilities, thresholds, [np.array([0, 1])])
    assert predicted.tolist() == [
        [False, True, True, False],
        [True, False, False, True],
        [False, True, False, False],
        [False, True, True, True],
    ]


def test_exactly_one_value_of_each_exclusive_attribute():
    random = np.random.default_rng(0)
    logits, cuts = random.normal(size=(200, 7)), random.normal(size=7)
    groups = [np.array([0, 2, 5]), np.array([1, 6])]
    predicted = decide(expit(logits), expit(cuts), groups)
    for columns in groups:
        np.testing.assert_array_equal(predicted[:, columns].sum(axis=1), 1)
        best = np.argmax((logits - cuts)[:, columns], axis=1)
        np.testing.assert_array_equal(np.argmax(predicted[:, columns], axis=1), best)
    np.testing.assert_array_equal(predicted[:, 3], logits[:, 3] >= cuts[3])


def test_values_far_out_in_the_logits_keep_their_order():
    probabilities = expit([[-60.0, -50.0, -70.0], [34.0, 30.0, 35.0]])
    predicted = decide(probabilities, [0.5] * 3, [np.arange(3)])
    assert predicted.argmax(axis=1).tolist() == [1, 2]


def test_decide_without_products():
    assert decide(np.zeros((0, 3)), [0.5] * 3, [np.array([0, 1])]).shape == (0, 3)


def test_decide_does_not_change_what_it_is_given():
    probabilities = np.array([[0.7, 0.8]])
    decide(probabilities, [0.5, 0.5], [np.array([0, 1])])
    assert probabilities.tolist() == [[0.7, 0.8]]
