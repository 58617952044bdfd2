from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from longtailor.errors import LongtailorError
from longtailor.sklearn import LongTailClassifier


@parametrize_with_checks([LongTailClassifier(), LongTailClassifier("softmax", penalty=0.3)])
def test_it_is_an_estimator_of_scikit_learns(
    estimator: LongTailClassifier, check: Callable[[Any], None]
) -> None:
    check(estimator)


Data = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@pytest.fixture
def many() -> Data:
    """300 products with four labels, the last of them rare."""
    random = np.random.default_rng(0)
    features = random.normal(size=(300, 6))
    odds = 2 * features[:, :4] + np.array([0.0, -1.0, -2.0, -5.0])
    return features, (random.random((300, 4)) < expit(odds)).astype(int)


def test_with_one_penalty_it_is_a_logistic_regression(many: Data) -> None:
    features, labels = many
    features = features - features.mean(axis=0)
    features /= np.sqrt((features**2).sum(axis=1).mean())
    ours = LongTailClassifier(penalty=0.5, thresholds=0.5).fit(features, labels)
    theirs = [
        LogisticRegression(C=2.0, tol=1e-8).fit(features, labels[:, label])
        for label in range(labels.shape[1])
    ]
    wanted = np.stack([model.predict_proba(features)[:, 1] for model in theirs], axis=1)
    np.testing.assert_allclose(ours.predict_proba(features), wanted, atol=0.01)
    assert (ours.predict(features) == (ours.predict_proba(features) >= 0.5)).all()
    binary = LongTailClassifier(penalty=0.5).fit(features, np.where(labels[:, 0], "yes", "no"))
    assert binary.classes_.tolist() == ["no", "yes"]
    np.testing.assert_allclose(
        binary.decision_function(features), ours.decision_function(features)[:, 0], atol=1e-5
    )


def test_weights_shift_as_the_objective_says(many: Data) -> None:
    features, labels = many
    plain = LongTailClassifier(penalty=1.0).fit(features, labels)
    weighted = LongTailClassifier("inverse_frequency", penalty=1.0).fit(features, labels)
    counts = labels.sum(axis=0)
    assert plain.correction_ is not None
    np.testing.assert_allclose(plain.correction_, 0.0)
    np.testing.assert_allclose(weighted.correction_, np.log((300 - counts) / counts), rtol=1e-5)
    rare = weighted.predict_proba(features)[:, 3].mean()
    assert rare > 2 * plain.predict_proba(features)[:, 3].mean()
    assert LongTailClassifier("zlpr", penalty=1.0).fit(features, labels).correction_ is None


def test_unknown_cells_take_no_part(many: Data) -> None:
    features, labels = many
    hidden = labels.copy()
    hidden[100:, 1] = -1
    half = LongTailClassifier(penalty=1.0, thresholds=0.5).fit(features, hidden)
    alone = LongTailClassifier(penalty=1.0, thresholds=0.5).fit(features, labels)
    others = [0, 2, 3]
    np.testing.assert_allclose(
        half.decision_function(features)[:, others],
        alone.decision_function(features)[:, others],
        atol=0.05,
    )
    assert np.abs(half.decision_function(features) - alone.decision_function(features)).max() > 0.1
    missing = np.where(hidden == -1, np.nan, hidden)
    again = clone(half).fit(features, missing)
    np.testing.assert_array_equal(
        again.decision_function(features), half.decision_function(features)
    )

    wanted = [
        average_precision_score(labels[rows, label], half.decision_function(features)[rows, label])
        for label, rows in enumerate([slice(None), slice(100), slice(None), slice(None)])
    ]
    assert half.score(features, hidden) == pytest.approx(np.mean(wanted))


def test_penalty_and_thresholds_are_chosen_on_products_held_out(many: Data) -> None:
    features, labels = many
    model = LongTailClassifier("effective_number:beta=auto", random_state=3).fit(features, labels)
    assert model.objective_.startswith("effective_number:beta=")
    assert "auto" not in model.objective_
    assert model.penalty_ in (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
    assert model.thresholds_.shape == (4,)
    probabilities = model.predict_proba(features)
    assert (model.predict(features) == (probabilities >= model.thresholds_)).all()
    again = LongTailClassifier(
        model.objective_, penalty=model.penalty_, thresholds=model.thresholds_
    ).fit(features, labels)
    np.testing.assert_array_equal(again.predict_proba(features), probabilities)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_proba(features), probabilities)


def test_the_recipe_auto(many: Data) -> None:
    features, labels = many
    model = LongTailClassifier("auto").fit(features, labels)
    assert model.score(features, labels) > 0.7
    assert model.predict(features).shape == labels.shape


@pytest.mark.parametrize("normalize", [None, "length", "power"])
def test_rows_are_normalised_as_asked(many: Data, normalize: str | None) -> None:
    features, labels = many
    fitted = LongTailClassifier(penalty=1.0, normalize=normalize).fit(features, labels)
    same = np.allclose(
        fitted.decision_function(3 * features), fitted.decision_function(features), atol=1e-4
    )
    assert same == (normalize is not None)


def test_in_a_pipeline_and_a_grid(many: Data) -> None:
    features, labels = many
    pipeline = make_pipeline(StandardScaler(), LongTailClassifier(thresholds=0.5))
    grid = GridSearchCV(
        pipeline,
        {"longtailclassifier__penalty": [0.1, 1000.0]},
        scoring=["average_precision", "f1_macro"],
        refit="f1_macro",
        cv=3,
        error_score="raise",
    ).fit(features, labels)
    assert grid.best_params_ == {"longtailclassifier__penalty": 0.1}
    assert set(grid.cv_results_) >= {"mean_test_average_precision", "mean_test_f1_macro"}
    hidden = labels.copy()
    hidden[::5, 1] = -1
    unknown = GridSearchCV(
        pipeline, {"longtailclassifier__penalty": [0.1, 1000.0]}, cv=3, error_score="raise"
    ).fit(features, hidden)
    assert 0.5 < unknown.best_score_ < 1.0
    two = cross_val_score(
        LongTailClassifier(penalty=1.0),
        features,
        labels[:, :2],
        scoring=make_scorer(average_precision_score, response_method="predict_proba"),
        cv=3,
        error_score="raise",
    )
    assert (two > 0.5).all()


def test_sparse_features_are_made_dense_up_to_a_limit(
    many: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    features, labels = many
    dense = LongTailClassifier(penalty=1.0).fit(features, labels)
    thin = LongTailClassifier(penalty=1.0).fit(sparse.csr_array(features), sparse.csr_array(labels))
    np.testing.assert_array_equal(
        thin.predict_proba(sparse.csc_array(features)), dense.predict_proba(features)
    )
    monkeypatch.setattr("longtailor.sklearn.DENSE_LIMIT", 1799)
    with pytest.raises(ValueError, match=r"1,800 numbers once it is dense, more than 1,799"):
        dense.predict(sparse.csr_array(features))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"normalize": "l2"}, "normalize='l2': use one of"),
        ({"penalty": 0.0}, "penalty=0.0: give a number above 0"),
        ({"val_fraction": 1.0}, "val_fraction=1.0"),
        ({"thresholds": "best"}, "thresholds='best': use 'f1'"),
        ({"thresholds": [0.5, 0.5]}, "or 4 of them"),
        ({"thresholds": 1.5}, "from 0 to 1"),
        ({"objective": "effective_number:beta=auto", "penalty": 1.0}, "chooses its penalty itself"),
        ({"objective": "auto", "penalty": 1.0}, "chooses its penalty itself"),
    ],
)
def test_parameters_out_of_range_are_refused(
    many: Data, parameters: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        LongTailClassifier(**parameters).fit(*many)


def test_targets_that_make_no_sense_are_refused(many: Data) -> None:
    features, labels = many
    with pytest.raises(ValueError, match=r"label matrix is .*2.*; cells are 1"):
        LongTailClassifier().fit(features, labels + 1)
    with pytest.raises(ValueError, match="leave out the products in which it is unknown"):
        LongTailClassifier().fit(features, np.where(np.arange(300) % 7, labels[:, 0], -1)[:, None])
    with pytest.raises(ValueError, match="this one has classes"):
        LongTailClassifier(thresholds=0.3).fit(features, labels[:, 0])
    with pytest.raises(LongtailorError, match="no training product has a positive"):
        LongTailClassifier().fit(features, np.zeros_like(labels))
    with pytest.raises(LongtailorError, match="nothing"):
        LongTailClassifier("nothing").fit(features, labels)


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "sklearn.md").read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    assert "longtailclassifier__penalty" in capsys.readouterr().out
