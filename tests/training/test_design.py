from __future__ import annotations

import pytest
import torch

from longtailor.classifiers import power_normalize
from longtailor.training.design import Design


def test_features_are_the_centred_embeddings_in_another_basis(problem):
    design = Design.of(problem.embeddings)
    centred = power_normalize(problem.embeddings).double()
    centred = centred - centred.mean(dim=0)
    inner = design.features[:, :-1].double()
    scale = centred.square().sum(dim=1).mean()
    torch.testing.assert_close(inner @ inner.T, centred @ centred.T / scale, atol=1e-5, rtol=1e-4)
    assert inner.square().sum(dim=1).mean().item() == pytest.approx(1, abs=1e-4)
    assert (design.features[:, -1] == 1).all()


def test_components_are_uncorrelated_and_sorted(problem):
    design = Design.of(problem.embeddings)
    components = design.features[:, :-1].double()
    covariance = components.T @ components / len(components)
    torch.testing.assert_close(covariance, covariance.diagonal().diag(), atol=1e-6, rtol=0)
    assert (design.variances[:-1].diff() <= 0).all()
    torch.testing.assert_close(
        design.variances[:-1].double(), covariance.diagonal(), atol=1e-6, rtol=1e-5
    )
    assert design.variances[-1] == 1


def test_folding_gives_the_same_logits_from_raw_embeddings(problem):
    design = Design.of(problem.embeddings)
    generator = torch.Generator().manual_seed(0)
    parameters = torch.randn(design.features.shape[1], 4, generator=generator)
    with torch.no_grad():
        logits = design.fold(parameters)(problem.embeddings)
    torch.testing.assert_close(logits, design.features @ parameters, atol=1e-4, rtol=1e-4)


def test_the_length_of_embeddings_does_not_matter(problem):
    design, larger = Design.of(problem.embeddings), Design.of(1000 * problem.embeddings)
    torch.testing.assert_close(design.variances, larger.variances, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "embeddings",
    [
        torch.zeros(7, 5),
        torch.full((7, 5), 3.0),
        torch.arange(5.0).expand(7, 5),
        torch.randn(1, 5, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["zero", "constant", "one row", "one product"],
)
def test_embeddings_that_do_not_vary_leave_the_intercept(embeddings):
    design = Design.of(embeddings)
    assert design.features.shape == (len(embeddings), 1)
    classifier = design.fold(torch.tensor([[0.5, -2.0]]))
    with torch.no_grad():
        logits = classifier(embeddings)
    torch.testing.assert_close(logits, torch.tensor([0.5, -2.0]).expand_as(logits))


def test_a_duplicate_column_adds_no_component(problem):
    doubled = torch.cat([problem.embeddings, problem.embeddings[:, :1]], dim=1)
    assert Design.of(doubled).features.shape == Design.of(problem.embeddings).features.shape


def test_fewer_products_than_dimensions(problem):
    few = problem.embeddings[:10]
    design = Design.of(few)
    assert design.features.isfinite().all()
    assert design.features.shape[1] >= 10  # nine directions and the intercept
    parameters = torch.ones(design.features.shape[1], 1)
    with torch.no_grad():
        logits = design.fold(parameters)(few)
    torch.testing.assert_close(logits, design.features @ parameters, atol=1e-3, rtol=1e-3)
