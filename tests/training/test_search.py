from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from longtailor.classifiers import compete
from longtailor.errors import LongtailorError, UsageError
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import LabelSpace
from longtailor.training import Trial, fit_classifier
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear
from longtailor.training.search import BETAS, DEFAULT_PENALTY, PENALTIES, build_objective

SPACE = LabelSpace(["cut:a", "cut:b", "cut:c", "tag:x", "tag:y", "tag:z"])
TRAIN, VAL = slice(0, 300), slice(300, 500)


def fit(problem, objective="none", space=SPACE, **kwargs):
    inputs, matrix = problem.embeddings.numpy(), problem.matrix
    return fit_classifier(
        inputs[TRAIN], matrix[TRAIN], inputs[VAL], matrix[VAL], space, objective, **kwargs
    )


def val_scores(problem, penalty, parameters=None, name="none"):
    """Fit one penalty from scratch and score validation."""
    objective = build_objective(name, problem.matrix[TRAIN], SPACE, parameters or {})
    design = Design.of(problem.embeddings[TRAIN])
    minimum = fit_linear(design, problem.targets[TRAIN], objective, penalty)
    with torch.no_grad():
        return design.fold(minimum.parameters)(problem.embeddings[VAL]).numpy()


def val_map(scores, problem):
    return np.nanmean(average_precision(scores, problem.matrix[VAL]))


def test_the_penalty_with_the_best_mean_average_precision_is_chosen(problem):
    found = fit(problem)
    assert found.chosen.val_map == max(trial.val_map for trial in found.trials)
    tried = tuple(trial.penalty for trial in found.trials)
    assert tried == PENALTIES[: len(tried)]
    assert all(trial.converged for trial in found.trials)
    for trial in found.trials:
        scores = val_scores(problem, trial.penalty)
        assert trial.val_map == pytest.approx(val_map(scores, problem), abs=5e-3)
    best = max(val_map(val_scores(problem, penalty), problem) for penalty in PENALTIES)
    assert found.chosen.val_map >= best - 0.01


def test_the_classifier_is_the_one_of_the_chosen_trial(problem):
    found = fit(problem, "inverse_frequency")
    with torch.no_grad():
        scores = found.classifier(problem.embeddings[VAL]).numpy()
    assert val_map(scores, problem) == found.chosen.val_map
    f1 = judge(scores >= 0, problem.matrix[VAL]).f1
    assert np.nanmean(f1) == found.chosen.val_f1_at_half
    assert found.chosen.objective == found.objective.name == "inverse_frequency"
    assert found.chosen.beta is None
    assert found.competing == []


def test_the_path_ends_when_two_weaker_penalties_are_no_better(problem):
    trials = fit(problem).trials
    maps = [trial.val_map for trial in trials]
    best = int(np.argmax(maps))
    assert len(trials) == min(best + 3, len(PENALTIES))


def test_beta_auto_tries_all_betas_and_takes_the_best_f1_at_half(problem):
    found = fit(problem, "effective_number:beta=auto")
    assert tuple(dict.fromkeys(trial.beta for trial in found.trials)) == BETAS
    by_beta = [
        max((trial for trial in found.trials if trial.beta == beta), key=lambda t: t.val_map)
        for beta in BETAS
    ]
    assert found.chosen == max(by_beta, key=lambda trial: trial.val_f1_at_half)
    assert found.objective.settings["beta"] == found.chosen.beta


def test_a_given_beta_is_the_only_one(problem):
    found = fit(problem, "effective_number:beta=0.99")
    assert {trial.beta for trial in found.trials} == {None}
    assert found.objective.settings["beta"] == 0.99


def test_advance_is_called_once_a_fit(problem):
    steps: list[int] = []
    found = fit(problem, "effective_number:beta=auto", advance=steps.append)
    assert steps == [1] * len(found.trials)


def test_the_same_fit_twice_is_the_same(problem):
    first, second = (fit(problem, "softmax", LabelSpace(SPACE.labels, ["cut"])) for _ in "ab")
    assert first.trials == second.trials
    torch.testing.assert_close(first.classifier.weight, second.classifier.weight, atol=0, rtol=0)


def test_values_compete_where_softmax_is_told_that_they_are_exclusive(problem):
    space = LabelSpace(SPACE.labels, ["cut"])
    found = fit(problem, "softmax", space)
    assert found.competing == [[0, 1, 2]]
    assert fit(problem, "none", space).competing == []
    with torch.no_grad():
        scores = compete(found.classifier(problem.embeddings[VAL]), found.competing)
    np.testing.assert_allclose(scores.sigmoid()[:, :3].sum(dim=1), 1, atol=1e-5)
    assert val_map(scores.numpy(), problem) == found.chosen.val_map


@pytest.mark.parametrize("objective", ["none", "effective_number:beta=auto"])
@pytest.mark.parametrize("kind", ["none", "no positive", "unknown"])
def test_without_a_positive_in_validation_the_default_penalty_is_taken(problem, objective, kind):
    inputs, matrix = problem.embeddings.numpy(), problem.matrix
    rows = slice(300, 300) if kind == "none" else VAL
    cells = np.full_like(matrix[rows], -1 if kind == "unknown" else 0)
    found = fit_classifier(inputs[TRAIN], matrix[TRAIN], inputs[rows], cells, SPACE, objective)
    assert {trial.penalty for trial in found.trials} == {DEFAULT_PENALTY}
    assert found.chosen == found.trials[0]
    assert np.isnan(found.chosen.val_map)
    assert found.chosen.to_dict()["val_map"] is None


def test_a_trial_is_strict_json():
    trial = Trial("none", 0.3, None, 5, True, float("nan"), 0.5)
    assert json.loads(json.dumps(trial.to_dict(), allow_nan=False)) == {
        "objective": "none",
        "penalty": 0.3,
        "beta": None,
        "iterations": 5,
        "converged": True,
        "val_map": None,
        "val_f1_at_half": 0.5,
    }


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("split", ["training", "validation"])
def test_an_embedding_that_is_not_finite_is_named(problem, wrong, split):
    inputs, matrix = problem.embeddings.numpy().copy(), problem.matrix
    inputs[7 if split == "training" else 307, 3] = wrong
    with pytest.raises(LongtailorError, match=rf"{split} product 7 "):
        fit_classifier(inputs[TRAIN], matrix[TRAIN], inputs[VAL], matrix[VAL], SPACE)


@pytest.mark.parametrize("cell", [0, -1])
def test_nothing_to_learn_is_an_error(problem, cell):
    inputs, matrix = problem.embeddings.numpy(), problem.matrix
    nothing = np.full_like(matrix[TRAIN], cell)
    with pytest.raises(LongtailorError, match="nothing can be learned"):
        fit_classifier(inputs[TRAIN], nothing, inputs[VAL], matrix[VAL], SPACE)
    with pytest.raises(LongtailorError, match="nothing can be learned"):
        fit_classifier(inputs[:0], matrix[:0], inputs[VAL], matrix[VAL], SPACE)


def test_an_unknown_objective_is_a_usage_error(problem):
    with pytest.raises(UsageError, match="inverse"):
        fit(problem, "inverse")


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_embeddings_that_are_all_the_same_leave_the_shares(problem, value):
    matrix = problem.matrix
    inputs = np.full(problem.embeddings.shape, value, np.float32)
    found = fit_classifier(inputs[TRAIN], matrix[TRAIN], inputs[VAL], matrix[VAL], SPACE)
    with torch.no_grad():
        fitted = found.classifier(torch.from_numpy(inputs[:1])).sigmoid().numpy()[0]
    np.testing.assert_allclose(fitted, matrix[TRAIN].mean(axis=0), atol=5e-3)


@pytest.mark.filterwarnings("error")
def test_read_only_label_matrices_are_taken(problem):
    matrix = problem.matrix.copy()
    matrix.flags.writeable = False
    inputs = problem.embeddings.numpy()
    fit_classifier(inputs[TRAIN], matrix[TRAIN], inputs[VAL], matrix[VAL], SPACE)


def test_attributes_with_objectives_of_their_own_are_fitted_by_themselves(problem):
    matrix = problem.matrix.copy()
    cut = problem.embeddings.numpy()[:, :3].argmax(axis=1)
    matrix[:, :3] = np.eye(3, dtype=np.int8)[cut]
    space = LabelSpace(SPACE.labels, ["cut"])
    inputs = problem.embeddings.numpy()
    mixed = fit_classifier(
        inputs[TRAIN],
        matrix[TRAIN],
        inputs[VAL],
        matrix[VAL],
        space,
        "softmax;tag=effective_number:beta=auto",
    )
    parts = [("softmax", slice(0, 3), ["cut"]), ("effective_number:beta=auto", slice(3, 6), [])]
    specifications = []
    for name, columns, exclusive in parts:
        alone = fit_classifier(
            inputs[TRAIN],
            matrix[TRAIN, columns],
            inputs[VAL],
            matrix[VAL, columns],
            LabelSpace(SPACE.labels[columns], exclusive),
            name,
        )
        torch.testing.assert_close(mixed.classifier.weight[columns], alone.classifier.weight)
        torch.testing.assert_close(mixed.classifier.bias[columns], alone.classifier.bias)
        assert mixed.parts[alone.specification] == alone.chosen
        specifications.append(alone.specification)
    assert mixed.specification == ";tag=".join(specifications)
    assert "auto" not in mixed.specification
    assert mixed.competing == [[0, 1, 2]]
    assert mixed.objective.name == mixed.specification
    with torch.no_grad():
        scores = compete(mixed.classifier(problem.embeddings[VAL]), mixed.competing).numpy()
    assert mixed.chosen.val_map == np.nanmean(average_precision(scores, matrix[VAL]))
    assert mixed.chosen.to_dict()["penalty"] is None
