from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize as scipy_minimize
from sklearn.linear_model import LogisticRegression

from longtailor.classifiers import compete, power_normalize
from longtailor.objectives import build, build_from_matrix, names
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear

GROUPS = [[0, 1, 2], [3, 4, 5]]
ELEMENTWISE = [name for name in names() if name not in ("softmax", "zlpr", "two_way")]


@pytest.fixture(scope="module")
def design(problem):
    return Design.of(problem.embeddings)


def objective_of(name, matrix):
    groups = {"groups": GROUPS} if name == "softmax" else {}
    return build_from_matrix(name, matrix, **groups)


def total(objective, design, targets, parameters, penalty):
    loss = objective.unreduced(design.features @ parameters, targets).sum()
    return loss + penalty / 2 * parameters[:-1].square().sum()


def probabilities(design, minimum):
    return (design.features @ minimum.parameters).sigmoid().numpy()


def scikit_learn(embeddings, matrix, penalty, class_weight):
    """One logistic regression a label on power-normalised, centred, scaled embeddings."""
    inputs = power_normalize(embeddings).double().numpy()
    inputs = inputs - inputs.mean(axis=0)
    inputs /= np.sqrt((inputs**2).sum(axis=1).mean())
    columns = []
    for label in range(matrix.shape[1]):
        known = matrix[:, label] >= 0
        model = LogisticRegression(
            C=1 / penalty, class_weight=class_weight, tol=1e-10, max_iter=10_000
        )
        model.fit(inputs[known], matrix[known, label])
        columns.append(model.predict_proba(inputs)[:, 1])
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    ("name", "class_weight"), [("none", None), ("inverse_frequency", "balanced")]
)
@pytest.mark.parametrize("penalty", [3.0, 0.3, 0.03])
def test_the_solution_is_that_of_scikit_learn(problem, design, name, class_weight, penalty):
    matrix = problem.matrix.copy()
    matrix[np.random.default_rng(1).random(matrix.shape) < 0.2] = -1
    targets = torch.from_numpy(matrix).float()
    objective = objective_of(name, matrix)
    expected = scikit_learn(problem.embeddings, matrix, penalty, class_weight)
    exact = fit_linear(design, targets, objective, penalty, tolerance=1e-6)
    assert exact.converged.all()
    np.testing.assert_allclose(probabilities(design, exact), expected, atol=1e-3)
    # By default it stops sooner, which single probabilities show where little holds them back.
    usual = fit_linear(design, targets, objective, penalty)
    assert usual.converged.all()
    off = np.abs(probabilities(design, usual) - expected)
    assert off.mean() < 2e-3
    assert off.max() < 3e-2


def test_the_folded_classifier_is_the_fitted_one(problem, design):
    minimum = fit_linear(design, problem.targets, objective_of("none", problem.matrix), 0.3)
    with torch.no_grad():
        logits = design.fold(minimum.parameters)(problem.embeddings)
    torch.testing.assert_close(logits, design.features @ minimum.parameters, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["none", "inverse_frequency", "asl"])
def test_labels_do_not_know_of_each_other(problem, design, name):
    whole = fit_linear(design, problem.targets, objective_of(name, problem.matrix), 0.3)
    order = [4, 1, 3]
    part = fit_linear(
        design, problem.targets[:, order], objective_of(name, problem.matrix[:, order]), 0.3
    )
    np.testing.assert_allclose(
        probabilities(design, part), probabilities(design, whole)[:, order], atol=5e-3
    )


@pytest.mark.parametrize("name", ["none", "effective_number", "zlpr", "softmax", "two_way"])
def test_unknown_cells_have_no_influence(problem, design, name):
    """A product that is all unknown may as well not be there, but for the features' scale."""
    matrix = problem.matrix.copy()
    matrix[::3] = -1
    objective = objective_of(name, matrix)
    masked = fit_linear(design, torch.from_numpy(matrix).float(), objective, 0.3, tolerance=1e-5)
    rows = np.arange(len(matrix)) % 3 != 0
    kept = replace(design, features=design.features[rows])
    targets = torch.from_numpy(matrix[rows]).float()
    without = fit_linear(kept, targets, objective, 0.3, tolerance=1e-5)
    first, second = (
        comparable(design.features @ minimum.parameters, name) for minimum in (masked, without)
    )
    torch.testing.assert_close(first, second, atol=0.03, rtol=0)


def comparable(logits, name):
    """Take away the shift of all logits that an objective leaves open."""
    if name == "softmax":
        return compete(logits, GROUPS)
    return logits - logits.mean() if name == "two_way" else logits


@pytest.mark.parametrize("name", [*ELEMENTWISE, "zlpr", "two_way", "softmax"])
def test_every_objective_ends_lower_than_it_began_where_its_gradient_is_small(
    problem, design, name
):
    matrix = problem.matrix.copy()
    if name == "softmax":
        chosen = np.random.default_rng(2).integers(0, 3, (len(matrix), 2))
        matrix = np.eye(3, dtype=np.int8)[chosen].reshape(len(matrix), 6)
    objective = objective_of(name, matrix)
    targets = torch.from_numpy(matrix).float()
    found = fit_linear(design, targets, objective, 0.3, tolerance=1e-3)
    parameters = found.parameters.clone().requires_grad_()
    end = total(objective, design, targets, parameters, 0.3)
    (gradient,) = torch.autograd.grad(end, parameters)
    start = torch.zeros_like(found.parameters)
    begin = total(objective, design, targets, start, 0.3)
    (steep,) = torch.autograd.grad(
        total(objective, design, targets, start.requires_grad_(), 0.3), start
    )
    assert found.parameters.isfinite().all()
    assert found.converged.all()
    assert found.iterations < 100
    assert end < begin
    assert gradient.abs().max() < 0.02 * steep.abs().max()


@pytest.mark.parametrize("name", ["softmax", "zlpr", "two_way"])
def test_losses_that_tie_labels_together_reach_the_minimum_that_scipy_finds(problem, design, name):
    matrix = np.eye(3, dtype=np.int8)[np.random.default_rng(3).integers(0, 3, (500, 2))]
    matrix = np.ascontiguousarray(matrix.reshape(500, 6))
    matrix[:50, 0] = -1
    objective, targets = objective_of(name, matrix).double(), torch.from_numpy(matrix).double()
    wide = replace(design, features=design.features.double())

    def function(flat):
        parameters = torch.from_numpy(flat.reshape(-1, 6)).requires_grad_()
        value = total(objective, wide, targets, parameters, 1.0)
        (gradient,) = torch.autograd.grad(value, parameters)
        return value.item(), gradient.numpy().ravel()

    size = design.features.shape[1] * 6
    reference = scipy_minimize(
        function, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 5000}
    )
    found = fit_linear(design, targets.float(), objective_of(name, matrix), 1.0)
    value, _ = function(found.parameters.double().numpy().ravel())
    assert found.converged.all()
    assert value == pytest.approx(reference.fun, rel=1e-4)


@pytest.mark.parametrize("name", [*names()])
def test_labels_without_positives_negatives_or_known_cells_stay_finite(problem, design, name):
    matrix = problem.matrix.copy()
    matrix[:, 0], matrix[:, 1], matrix[:, 2] = 0, 1, -1
    matrix[5:, 3] = -1
    objective = objective_of(name, matrix)
    found = fit_linear(design, torch.from_numpy(matrix).float(), objective, 0.3)
    assert found.parameters.isfinite().all()
    if objective.elementwise:
        fitted = probabilities(design, found)
        assert fitted[:, 0].max() < 0.5
        assert fitted[:, 1].min() > 0.5


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x[:, :1].expand_as(x),
        lambda x: torch.full_like(x, 2.0),
        lambda x: torch.cat([x, x[:, :3]], dim=1),
        lambda x: torch.cat([x, torch.full_like(x, 7.0)], dim=1),
        lambda x: x.repeat(1, 40),
    ],
    ids=["rank one", "constant", "duplicate columns", "constant columns", "wide"],
)
def test_embeddings_of_low_rank(problem, change):
    embeddings = change(problem.embeddings).contiguous()
    objective = objective_of("inverse_frequency", problem.matrix)
    low = Design.of(embeddings)
    found = fit_linear(low, problem.targets, objective, 0.3, tolerance=1e-5)
    assert found.converged.all()
    expected = scikit_learn_or_share(embeddings, problem.matrix)
    np.testing.assert_allclose(probabilities(low, found), expected, atol=2e-3)


def scikit_learn_or_share(embeddings, matrix):
    """Where embeddings do not vary, balanced weights leave a probability of 0.5."""
    spread = power_normalize(embeddings).std(dim=0).max()
    if spread < 1e-6:
        return np.full(matrix.shape, 0.5)
    return scikit_learn(embeddings, matrix, 0.3, "balanced")


def test_fewer_products_than_dimensions(problem):
    embeddings, matrix = problem.embeddings[:20], problem.matrix[:20, 2:]
    few = Design.of(embeddings)
    objective = objective_of("none", matrix)
    found = fit_linear(few, torch.from_numpy(matrix).float(), objective, 0.3, tolerance=1e-6)
    assert found.converged.all()
    expected = scikit_learn(embeddings, matrix, 0.3, None)
    np.testing.assert_allclose(probabilities(few, found), expected, atol=2e-3)


def test_without_a_penalty_worth_the_name_the_intercept_gives_the_share_of_positives(problem):
    """Held back without end, a classifier is left with its intercept, which nothing holds back."""
    design = Design.of(problem.embeddings)
    objective = build("none", positives=problem.matrix.sum(axis=0), known=[500] * 6)
    found = fit_linear(design, problem.targets, objective, 1e6, tolerance=1e-6)
    shares = np.broadcast_to(problem.matrix.mean(axis=0), problem.matrix.shape)
    np.testing.assert_allclose(probabilities(design, found), shares, atol=2e-3)


def test_a_warm_start_ends_at_the_same_solution(problem, design):
    objective = objective_of("none", problem.matrix)
    strong = fit_linear(design, problem.targets, objective, 3.0)
    warm = fit_linear(design, problem.targets, objective, 0.3, strong.parameters, tolerance=1e-5)
    cold = fit_linear(design, problem.targets, objective, 0.3, tolerance=1e-5)
    np.testing.assert_allclose(probabilities(design, warm), probabilities(design, cold), atol=2e-3)


def test_along_the_axes_it_finds_the_same(problem):
    # Fewer products than numbers: axes along which nothing varies are left out.
    design = Design.of(problem.embeddings[:20])
    targets = torch.tensor(problem.matrix[:20], dtype=torch.float32)
    objective = objective_of("none", problem.matrix[:20])
    plain = fit_linear(design, targets, objective, 0.3, tolerance=1e-6)
    turned, axes = design.along_axes()
    along = fit_linear(turned, targets, objective, 0.3, tolerance=1e-6)
    assert axes.shape == (30, 19)
    back = torch.cat([axes @ along.parameters[:-1], along.parameters[-1:]])
    torch.testing.assert_close(back, plain.parameters, atol=2e-3, rtol=0)


def test_along_the_axes_embeddings_that_are_all_alike_leave_the_intercept():
    design, axes = Design.of(torch.ones(6, 4)).along_axes()
    targets = torch.tensor([[1.0], [0.0], [0.0], [1.0], [0.0], [0.0]])
    objective = objective_of("none", targets.numpy().astype(np.int8))
    minimum = fit_linear(design, targets, objective, 0.3, tolerance=1e-8)
    assert axes.shape == (4, 0)
    assert minimum.parameters.sigmoid().item() == pytest.approx(1 / 3, abs=0.02)
