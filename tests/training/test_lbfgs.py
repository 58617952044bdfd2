from __future__ import annotations

import pytest
import torch

from longtailor.training.lbfgs import minimize


def quadratic(features: torch.Tensor, solution: torch.Tensor):
    """Least squares, whose solution is known in closed form."""
    wanted = features @ solution

    def loss(logits):
        rest = logits - wanted
        return rest.square().sum(dim=0, dtype=torch.float64) / 2, rest

    return loss, wanted


@pytest.fixture
def regression():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(80, 6, generator=generator) * torch.tensor([3.0, 1, 1, 0.5, 0.2, 0.1])
    return features, torch.randn(6, 4, generator=generator)


def ridge(features, wanted, penalty):
    system = features.T @ features + torch.diag(penalty.squeeze(1))
    return torch.linalg.solve(system.double(), (features.T @ wanted).double()).float()


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("known", [False, True], ids=["flat", "diagonal"])
def test_least_squares_with_a_penalty(regression, joint, known):
    features, solution = regression
    loss, wanted = quadratic(features, solution)
    penalty = torch.tensor([[1.0], [0.1], [0.0], [2.0], [0.5], [0.01]])
    curvature = features.square().sum(dim=0)[:, None] + penalty if known else torch.ones(6, 1)
    found = minimize(
        features,
        loss,
        penalty,
        torch.zeros_like(solution),
        lambda gradient: gradient / curvature,
        joint=joint,
        tolerance=1e-9,
    )
    assert found.converged.all()
    assert found.converged.shape == (4,)
    torch.testing.assert_close(
        found.parameters, ridge(features, wanted, penalty), atol=1e-3, rtol=1e-3
    )


def test_starting_at_the_solution_is_staying_there(regression):
    features, solution = regression
    loss, _ = quadratic(features, solution)
    found = minimize(features, loss, torch.zeros(6, 1), solution, torch.clone)
    assert found.iterations == 1
    torch.testing.assert_close(found.parameters, solution)


def test_the_start_is_left_alone(regression):
    features, solution = regression
    loss, _ = quadratic(features, solution)
    start = torch.zeros(6, 4)
    minimize(features, loss, torch.ones(6, 1), start, torch.clone)
    assert (start == 0).all()


def test_what_did_not_converge_is_said(regression):
    features, solution = regression
    loss, _ = quadratic(features, solution)
    start = torch.zeros(6, 4)
    start[:, 1] = solution[:, 1]
    found = minimize(
        features, loss, torch.zeros(6, 1), start, torch.clone, max_iterations=2, tolerance=1e-9
    )
    assert found.iterations == 2
    assert found.converged.tolist() == [False, True, False, False]


@pytest.mark.parametrize("joint", [False, True])
def test_a_loss_that_bends_the_wrong_way_goes_down_and_stays_finite(joint):
    """A bounded loss that is concave far out, as focal losses are."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(60, 5, generator=generator)
    wanted = 4 * torch.randn(60, 3, generator=generator)

    def loss(logits):
        rest = logits - wanted
        return (rest**2 / (1 + rest**2)).sum(dim=0).double(), 2 * rest / (1 + rest**2) ** 2

    start = torch.zeros(5, 3)
    penalty = torch.full((5, 1), 0.1)
    found = minimize(features, loss, penalty, start, lambda gradient: 1e3 * gradient, joint=joint)

    def total(weights):
        return loss(features @ weights)[0] + 0.05 * weights.square().sum(dim=0)

    assert found.parameters.isfinite().all()
    assert (total(found.parameters).sum() < total(start).sum()).all()
    weights = found.parameters.clone().requires_grad_()
    rest = features @ weights - wanted
    ((rest**2 / (1 + rest**2)).sum() + 0.05 * weights.square().sum()).backward()
    assert weights.grad.abs().max() < 0.1


def test_a_step_into_nan_is_taken_back():
    features = torch.ones(4, 1)

    def barrier(logits):
        """-log(2 - z) - 3 z, least where 1 / (2 - z) = 3; nothing beyond 2."""
        inside = torch.where(logits < 2, logits, torch.nan)
        return (-torch.log(2 - inside) - 3 * inside).sum(dim=0).double(), 1 / (2 - inside) - 3

    found = minimize(
        features, barrier, torch.zeros(1, 1), torch.zeros(1, 2), lambda gradient: 100 * gradient
    )
    assert found.converged.all()
    torch.testing.assert_close(found.parameters, torch.full((1, 2), 2 - 1 / 3), atol=0.01, rtol=0)
