from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.classifiers import Block, power_normalize
from longtailor.training.design import Design


def test_features_are_the_centred_and_scaled_embeddings(problem):
    design = Design.of(problem.embeddings)
    centred = power_normalize(problem.embeddings).double()
    centred = centred - centred.mean(dim=0)
    inner = design.features[:, :-1].double()
    scale = centred.square().sum(dim=1).mean()
    torch.testing.assert_close(inner @ inner.T, centred @ centred.T / scale, atol=1e-5, rtol=1e-4)
    assert inner.square().sum(dim=1).mean().item() == pytest.approx(1, abs=1e-4)
    assert (design.features[:, -1] == 1).all()


def test_axes_are_orthonormal_and_hold_the_variance(problem):
    design = Design.of(problem.embeddings)
    features = design.features[:, :-1].double()
    axes = design.axes.double()
    torch.testing.assert_close(axes.T @ axes, torch.eye(len(axes)).double(), atol=1e-5, rtol=0)
    along = (features @ axes).square().mean(dim=0)
    torch.testing.assert_close(design.variances.double(), along, atol=1e-5, rtol=1e-3)


def test_a_sample_of_the_rows_tells_the_axes(problem):
    many = problem.embeddings.repeat(20, 1)[:9001]
    noisy = many + 0.05 * torch.randn(many.shape, generator=torch.Generator().manual_seed(0))
    design = Design.of(noisy.abs())
    along = (design.features[:, :-1] @ design.axes).square().mean(dim=0)
    assert (design.variances - along).abs().max() < 0.1 * along.max()


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
    assert (design.features[:, :-1] == 0).all()
    classifier = design.fold(torch.cat([torch.ones(5, 2), torch.tensor([[0.5, -2.0]])]))
    with torch.no_grad():
        logits = classifier(embeddings)
    torch.testing.assert_close(logits, torch.tensor([0.5, -2.0]).expand_as(logits))


def test_fewer_products_than_dimensions(problem):
    few = problem.embeddings[:10]
    design = Design.of(few)
    assert design.features.isfinite().all()
    parameters = torch.ones(design.features.shape[1], 1)
    with torch.no_grad():
        logits = design.fold(parameters)(few)
    torch.testing.assert_close(logits, design.features @ parameters, atol=1e-3, rtol=1e-3)


def test_blocks_are_centred_and_scaled_over_the_products_that_have_them(problem):
    blocks = [Block(problem.embeddings.shape[1]), Block(6, root=False)]
    texts = torch.randn(len(problem.embeddings), 6, generator=torch.Generator().manual_seed(3))
    embeddings = torch.cat([problem.embeddings, texts], dim=1)
    embeddings[::3, -6:] = torch.nan
    there = ~embeddings[:, -1].isnan()
    design = Design.of(embeddings, blocks)
    alone = Design.of(texts[there], [Block(6, root=False)])
    torch.testing.assert_close(design.features[there, -7:-1], alone.features[:, :-1])
    assert (design.features[~there, -7:-1] == 0).all()
    torch.testing.assert_close(
        design.features[:, :-7], Design.of(problem.embeddings).features[:, :-1]
    )
    parameters = torch.randn(embeddings.shape[1] + 1, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = design.fold(parameters)(embeddings)
    torch.testing.assert_close(logits, design.features @ parameters, atol=1e-4, rtol=1e-4)


def test_a_block_that_nobody_has_changes_nothing(problem):
    nobody = torch.full((len(problem.embeddings), 3), torch.nan)
    blocks = [Block(problem.embeddings.shape[1]), Block(3)]
    design = Design.of(torch.cat([problem.embeddings, nobody], dim=1), blocks)
    assert (design.features[:, -4:-1] == 0).all()
    assert design.features.isfinite().all()


def test_embeddings_that_are_nearly_all_zero_have_axes():
    # Few photos of few pixels: most of 1,280 features are 0 in all of them.
    random = np.random.default_rng(0)
    embeddings = np.where(random.random((84, 1280)) < 0.01, random.random((84, 1280)), 0.0)
    design = Design.of(torch.from_numpy(embeddings.astype(np.float32)))
    features = design.features[:, :-1].double()
    expected = torch.linalg.eigvalsh(features.T @ features / len(features)).clamp(min=0)
    found = design.variances.double()
    assert len(found) < 84
    torch.testing.assert_close(found, expected[-len(found) :], atol=1e-4, rtol=1e-3)
    assert expected[: -len(found)].max() < 1e-6
    axes = design.axes.double()
    torch.testing.assert_close(axes.T @ axes, torch.eye(len(found)).double(), atol=1e-5, rtol=0)
