from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from longtailor.classifiers.kernel import laplace_kernel
from longtailor.evaluation.ranking import average_precision
from longtailor.training import kernel_ridge
from longtailor.training.design import Design
from longtailor.training.folds import deal_folds
from longtailor.training.kernel_ridge import (
    INTERCEPT_VARIANCE,
    NOISES,
    choose_landmarks,
    fit_kernel_ridge,
)


def features(problem):
    return Design.of(problem.embeddings).features[:, :-1]


def folds(matrix):
    return deal_folds(matrix, np.full(len(matrix), ""), 5)


def scores(fit, inputs):
    similar = laplace_kernel(inputs, fit.landmarks, fit.width)
    return (similar @ fit.weight.T + fit.bias).numpy()


def reference(inputs, targets, test, width, noise):
    """Scikit-learn's Gaussian process, targets centred as ours."""
    kernel = Matern(width, nu=0.5) + ConstantKernel(INTERCEPT_VARIANCE)
    process = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
    mean = targets.mean(axis=0)
    return process.fit(inputs.numpy(), targets - mean).predict(test.numpy()) + mean


def test_it_is_the_gaussian_process_of_scikit_learn(problem):
    inputs = features(problem)
    train, test = slice(0, 300), slice(300, 500)
    matrix = problem.matrix[train]
    fit = fit_kernel_ridge(inputs[train], matrix, folds(matrix))
    (noise,) = set(fit.noises)
    expected = reference(inputs[train], matrix.astype(float), inputs[test], fit.width, noise)
    np.testing.assert_allclose(scores(fit, inputs[test]), expected, atol=2e-3)


def test_held_out_scores_are_those_of_fits_without_the_fold(problem):
    inputs, matrix = features(problem)[:200], problem.matrix[:200]
    dealt = folds(matrix)
    fit = fit_kernel_ridge(inputs, matrix, dealt)
    for fold in dealt:
        rest = np.setdiff1d(np.arange(200), fold)
        process = GaussianProcessRegressor(
            Matern(fit.width, nu=0.5) + ConstantKernel(INTERCEPT_VARIANCE),
            alpha=fit.noises[0],
            optimizer=None,
        )
        mean = matrix.mean(axis=0)
        process.fit(inputs[rest].numpy(), matrix[rest] - mean)
        expected = process.predict(inputs[fold].numpy()) + mean
        np.testing.assert_allclose(fit.held_out[fold], expected, atol=2e-3)


def test_the_noise_with_the_best_held_out_precision_is_chosen(problem, monkeypatch):
    inputs, matrix = features(problem), problem.matrix
    found = fit_kernel_ridge(inputs, matrix, folds(matrix))
    reached = {}
    for noise in NOISES:
        monkeypatch.setattr(kernel_ridge, "NOISES", (noise,))
        alone = fit_kernel_ridge(inputs, matrix, folds(matrix))
        reached[noise] = np.nanmean(average_precision(alone.held_out, matrix))
    (noise,) = set(found.noises)
    assert reached[noise] == pytest.approx(max(reached.values()), abs=2e-3)


def test_with_many_products_three_folds_choose_and_all_are_left_out(problem, monkeypatch):
    inputs, matrix = features(problem), problem.matrix
    few = fit_kernel_ridge(inputs, matrix, folds(matrix))
    monkeypatch.setattr(kernel_ridge, "FEW", 100)
    monkeypatch.setattr(kernel_ridge, "NOISES", tuple(set(few.noises)))
    many = fit_kernel_ridge(inputs, matrix, folds(matrix))
    np.testing.assert_allclose(many.held_out, few.held_out, atol=1e-4)
    torch.testing.assert_close(many.weight, few.weight, atol=1e-4, rtol=0)


def test_labels_of_nothing_cannot_be_told_from_products_left_out(problem):
    inputs = features(problem)
    matrix = (np.random.default_rng(3).random((500, 20)) < 0.3).astype(np.int8)
    fit = fit_kernel_ridge(inputs, matrix, folds(matrix))
    assert average_precision(fit.held_out, matrix).mean() < 0.36
    assert average_precision(scores(fit, inputs), matrix).mean() > 0.5


def test_an_unknown_cell_is_as_if_it_were_not_there(problem):
    inputs, matrix = features(problem)[:200], problem.matrix[:200].copy()
    matrix[120:, :2] = -1
    whole = fit_kernel_ridge(inputs, matrix, folds(matrix))
    # The same rows and the same width, alone.
    noise = whole.noises[0]
    expected = reference(
        inputs[:120], matrix[:120, :2].astype(float), inputs[120:], whole.width, noise
    )
    np.testing.assert_allclose(scores(whole, inputs[120:])[:, :2], expected, atol=2e-3)
    np.testing.assert_allclose(whole.held_out[120:, :2], expected, atol=2e-3)
    assert len(set(whole.noises[:2])) == 1


def test_a_label_that_is_known_nowhere_scores_nothing(problem):
    inputs, matrix = features(problem)[:100], problem.matrix[:100].copy()
    matrix[:, 0] = -1
    fit = fit_kernel_ridge(inputs, matrix, folds(matrix))
    assert (fit.weight[0] == 0).all()
    assert fit.bias[0] == 0
    assert np.isnan(fit.noises[0])
    assert np.isfinite(fit.held_out).all()


def test_with_more_products_than_landmarks_the_rarest_come_first(monkeypatch):
    monkeypatch.setattr(kernel_ridge, "MOST_LANDMARKS", 40)
    matrix = np.zeros((400, 3), np.int8)
    matrix[:, 0] = 1
    matrix[::40, 1] = 1
    matrix[5, 2] = 1
    matrix[7] = -1
    chosen = choose_landmarks(matrix)
    assert len(chosen) == len(set(chosen)) == 40
    assert (np.diff(chosen) > 0).all()
    assert {5, *range(0, 400, 40)} <= set(chosen.tolist())
    assert 7 not in chosen
    assert len(choose_landmarks(matrix, 8)) == 20


def test_products_that_are_no_landmarks_are_scored_too(problem, monkeypatch):
    monkeypatch.setattr(kernel_ridge, "MOST_LANDMARKS", 150)
    inputs, matrix = features(problem), problem.matrix
    fit = fit_kernel_ridge(inputs, matrix, folds(matrix))
    assert len(fit.landmarks) == 150
    others = np.setdiff1d(np.arange(500), choose_landmarks(matrix))
    np.testing.assert_allclose(
        fit.held_out[others], scores(fit, inputs[torch.as_tensor(others)]), atol=1e-4
    )


def test_equal_embeddings_say_what_all_of_them_say():
    inputs = torch.zeros(20, 4)
    matrix = np.tile(np.array([[1, 0]], np.int8), (20, 1))
    matrix[:5, 0] = 0
    fit = fit_kernel_ridge(inputs, matrix, folds(matrix))
    np.testing.assert_allclose(scores(fit, inputs), np.tile([0.75, 0.0], (20, 1)), atol=0.01)


def test_products_in_no_fold_are_always_learned_from(problem):
    inputs, matrix = features(problem)[:90], problem.matrix[:90]
    own = [np.arange(60, 75), np.arange(75, 90)]
    fit = fit_kernel_ridge(inputs, matrix, own)
    assert np.isnan(fit.held_out[:60]).all()
    for fold in own:
        seen = np.setdiff1d(np.arange(90), fold)
        process = GaussianProcessRegressor(
            Matern(fit.width, nu=0.5) + ConstantKernel(INTERCEPT_VARIANCE),
            alpha=fit.noises[0],
            optimizer=None,
        )
        mean = matrix.mean(axis=0)
        process.fit(inputs[seen].numpy(), matrix[seen] - mean)
        expected = process.predict(inputs[fold].numpy()) + mean
        np.testing.assert_allclose(fit.held_out[fold], expected, atol=2e-3)
