from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.classifiers import Block
from longtailor.errors import LongtailorError
from longtailor.evaluation.calibration import expected_calibration_error
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import LabelSpace
from longtailor.training import fit_classifier
from longtailor.training.auto import fit_auto

SPACE = LabelSpace(["cut:a", "cut:b", "cut:c", "tag:x", "tag:y", "tag:z"])
TRAIN, TEST = slice(0, 300), slice(300, 500)


def no_groups(products):
    return np.full(products, "")


def fit(problem, matrix=None, space=SPACE, rows=TRAIN):
    given = problem.matrix[rows] if matrix is None else matrix
    return fit_auto(problem.embeddings[rows], given, space, no_groups(len(given)))


def mean_ap(scores, matrix):
    return np.nanmean(average_precision(scores, matrix))


@pytest.fixture(scope="module")
def fitted(problem):
    return fit(problem)


def test_what_it_says_of_other_products_is_worth_what_its_held_out_scores_are(problem, fitted):
    with torch.no_grad():
        scores = fitted.classifier(problem.embeddings[TEST]).numpy()
    test = mean_ap(scores, problem.matrix[TEST])
    held_out = mean_ap(fitted.held_out, problem.matrix[TRAIN])
    chance = problem.matrix[TEST].mean(axis=0).mean()
    assert test > chance + 0.15
    assert held_out == pytest.approx(test, abs=0.06)


def test_its_probabilities_are_calibrated(problem, fitted):
    with torch.no_grad():
        logits = fitted.classifier(problem.embeddings[TEST])
    assert expected_calibration_error(logits.sigmoid().numpy(), problem.matrix[TEST]) < 0.06
    held_out = torch.from_numpy(fitted.held_out).sigmoid().numpy()
    assert expected_calibration_error(held_out, problem.matrix[TRAIN]) < 0.06


def test_labels_of_nothing_are_not_learned(problem):
    matrix = (np.random.default_rng(5).random((300, 6)) < 0.3).astype(np.int8)
    fitted = fit(problem, matrix)
    assert mean_ap(fitted.held_out, matrix) < 0.4


def test_values_of_an_exclusive_attribute_compete(problem):
    matrix = problem.matrix[TRAIN].copy()
    matrix[:, :3] = np.eye(3, dtype=np.int8)[problem.matrix[TRAIN, :3].argmax(axis=1)]
    exclusive = LabelSpace(SPACE.labels, ["cut"])
    fitted, apart = fit(problem, matrix, exclusive), fit(problem, matrix)
    assert fitted.classifier.competing == [[0, 1, 2]]
    assert apart.classifier.competing == []
    with torch.no_grad():
        sums = [
            one.classifier(problem.embeddings[TEST]).sigmoid()[:, :3].sum(dim=1)
            for one in (fitted, apart)
        ]
    assert (sums[0] - 1).abs().mean() < (sums[1] - 1).abs().mean()
    held_out = torch.from_numpy(fitted.held_out).sigmoid().numpy()
    assert expected_calibration_error(held_out, matrix) < 0.05
    assert (fitted.classifier.slope[:3] != 1).all()
    assert (fitted.classifier.slope[3:] == 1).all()


def test_it_is_deterministic(problem, fitted):
    again = fit(problem)
    assert (again.held_out == fitted.held_out).all()
    for name, tensor in fitted.classifier.state_dict().items():
        assert torch.equal(again.classifier.state_dict()[name], tensor)


def test_unknown_cells_are_not_negatives(problem):
    matrix = problem.matrix[TRAIN].copy()
    hidden = np.random.default_rng(0).random(300) < 0.5
    matrix[hidden, 3:] = -1
    unknown = fit(problem, matrix)
    negative = fit(problem, np.where(matrix == -1, 0, matrix).astype(np.int8))
    with torch.no_grad():
        shares = [
            one.classifier(problem.embeddings[TEST]).sigmoid()[:, 3:].mean(dim=0).numpy()
            for one in (unknown, negative)
        ]
    real = problem.matrix[TEST, 3:].mean(axis=0)
    assert (np.abs(shares[0] - real) < np.abs(shares[1] - real)).all()
    np.testing.assert_allclose(shares[0], real, atol=0.1)


def test_a_missing_block_is_no_obstacle(problem):
    embeddings = problem.embeddings[TRAIN].clone()
    embeddings[:100, 20:] = torch.nan
    blocks = [Block(20), Block(10, root=False)]
    fitted = fit_auto(embeddings, problem.matrix[TRAIN], SPACE, no_groups(300), blocks)
    with torch.no_grad():
        assert fitted.classifier(embeddings).isfinite().all()
    assert np.isfinite(fitted.held_out).all()
    assert fitted.classifier.blocks == tuple(blocks)


def test_it_learns_from_train_and_val_through_fit_classifier(problem):
    inputs, matrix = problem.embeddings.numpy(), problem.matrix
    found = fit_classifier(
        inputs[:250], matrix[:250], inputs[250:300], matrix[250:300], SPACE, "auto"
    )
    alone = fit(problem)
    np.testing.assert_array_equal(found.held_out, alone.held_out)
    assert found.specification == found.objective.name == found.chosen.objective == "auto"
    assert found.competing == []
    assert found.chosen.val_map == pytest.approx(mean_ap(alone.held_out, matrix[TRAIN]))
    assert {trial.objective for trial in found.trials} == {"none", "auto"}
    assert (found.objective.correction() == 0).all()


@pytest.mark.parametrize("group", [no_groups(1), np.array(["a", "a", "a"])])
def test_too_few_products_to_leave_one_out_are_refused(problem, group):
    count = len(group)
    matrix = np.ones((count, 6), np.int8)
    with pytest.raises(LongtailorError, match="two annotated products"):
        fit_auto(problem.embeddings[:count], matrix, SPACE, group)


def learned_by_heart(problem, learned):
    """Give embeddings that hold the labels of the products that their network learned from."""
    heart = torch.randn(len(problem.matrix), 6, generator=torch.Generator().manual_seed(0))
    heart[learned] += 6 * torch.from_numpy(problem.matrix[learned]).float()
    return torch.cat([problem.embeddings, heart * problem.embeddings.std()], dim=1)


def test_where_labels_were_learned_by_heart_only_other_products_are_chosen_by(problem):
    embeddings = learned_by_heart(problem, slice(0, 200))
    given, matrix = embeddings[TRAIN], problem.matrix[TRAIN]
    rows = np.arange(200, 300)
    blind = fit_auto(given, matrix, SPACE, no_groups(300))
    fitted = fit_auto(given, matrix, SPACE, no_groups(300), choose_by=rows)
    with torch.no_grad():
        test = mean_ap(fitted.classifier(embeddings[TEST]).numpy(), problem.matrix[TEST])
    assert np.isnan(fitted.held_out[:200]).all()
    assert np.isfinite(fitted.held_out[rows]).all()
    assert mean_ap(fitted.held_out[rows], matrix[rows]) == pytest.approx(test, abs=0.1)
    assert mean_ap(blind.held_out, matrix) > test + 0.2
    assert fitted.chosen.held_out_map < blind.chosen.held_out_map - 0.2


@pytest.mark.parametrize("rows", [np.arange(0), np.arange(7, 8), np.arange(5, 25)])
def test_what_cannot_be_chosen_by_is_not(problem, rows):
    matrix = problem.matrix[:60].copy()
    matrix[rows] = 0
    given = problem.embeddings[:60], matrix, SPACE, no_groups(60)
    np.testing.assert_array_equal(
        fit_auto(*given, choose_by=rows).held_out, fit_auto(*given).held_out
    )


def test_a_label_may_be_unknown_for_all_that_is_chosen_by(problem):
    matrix = problem.matrix[TRAIN].copy()
    matrix[200:, 4] = -1
    rows = np.arange(200, 300)
    fitted = fit_auto(problem.embeddings[TRAIN], matrix, SPACE, no_groups(300), choose_by=rows)
    assert np.isfinite(fitted.held_out[rows]).all()
    with torch.no_grad():
        assert torch.isfinite(fitted.classifier(problem.embeddings[TEST])).all()
