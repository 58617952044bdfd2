from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.classifiers import Block, LinearClassifier, power_normalize


def test_power_normalization_by_hand():
    given = torch.tensor([[4.0, -9.0, 0.0, 36.0]])
    expected = torch.tensor([[2.0, -3.0, 0.0, 6.0]]) / 7
    torch.testing.assert_close(power_normalize(given), expected)


def test_rows_have_length_one_whatever_their_scale():
    embeddings = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    for scale in (1e-10, 1.0, 1e10, 1e30):
        normalized = power_normalize(scale * embeddings)
        torch.testing.assert_close(normalized.norm(dim=1), torch.ones(20))
        torch.testing.assert_close(normalized, power_normalize(embeddings), atol=1e-5, rtol=1e-4)


def test_a_row_of_zeros_stays_zero():
    assert (power_normalize(torch.zeros(2, 5)) == 0).all()


def test_logits_are_affine_in_the_normalized_embedding():
    generator = torch.Generator().manual_seed(1)
    weight, bias = torch.randn(3, 5, generator=generator), torch.randn(3, generator=generator)
    embeddings = torch.randn(7, 5, generator=generator)
    classifier = LinearClassifier(weight, bias)
    rooted = np.sign(embeddings.numpy()) * np.sqrt(np.abs(embeddings.numpy()))
    rooted /= np.linalg.norm(rooted, axis=1, keepdims=True)
    with torch.no_grad():
        logits = classifier(embeddings)
    np.testing.assert_allclose(logits, rooted @ weight.numpy().T + bias.numpy(), atol=1e-5)
    assert classifier.dim == 5
    assert classifier.labels == 3


def test_weight_and_bias_are_its_parameters():
    classifier = LinearClassifier(torch.zeros(3, 5), torch.zeros(3))
    assert {name for name, _ in classifier.named_parameters()} == {"weight", "bias"}
    classifier(torch.ones(2, 5)).sum().backward()
    assert classifier.bias.grad.tolist() == [2.0] * 3


@pytest.mark.parametrize(
    ("weight", "bias"), [((3, 5), (5,)), ((3, 5), (3, 1)), ((15,), (15,)), ((1, 3, 5), (1,))]
)
def test_shapes_that_do_not_match_are_refused(weight, bias):
    with pytest.raises(ValueError, match=r"\(labels, dim\)"):
        LinearClassifier(torch.zeros(weight), torch.zeros(bias))


def test_the_gradient_is_finite_at_zero():
    given = torch.tensor([[4.0, -9.0, 0.0, 36.0], [0.0] * 4], requires_grad=True)
    power_normalize(given)[:, :3].sum().backward()
    assert given.grad.isfinite().all()
    assert given.grad[0, 2] == 0
    assert (given.grad[1] == 0).all()
    step = 1e-3
    moved = [
        power_normalize(torch.tensor([[4.0 + s, -9.0, 0.0, 36.0]]))[0, :3].sum()
        for s in (step, -step)
    ]
    assert given.grad[0, 0].item() == pytest.approx(
        (moved[0] - moved[1]).item() / (2 * step), rel=1e-2
    )


def test_a_missing_block_is_the_average_block():
    generator = torch.Generator().manual_seed(2)
    weight, bias = torch.randn(3, 7, generator=generator), torch.randn(3, generator=generator)
    average = torch.randn(7, generator=generator)
    classifier = LinearClassifier(weight, bias, [Block(5), Block(2, root=False)], average)
    embeddings = torch.randn(4, 7, generator=generator)
    embeddings[1, :5] = torch.nan
    embeddings[2, 5:] = torch.nan
    embeddings[3] = torch.nan
    embeddings.requires_grad_()
    logits = classifier(embeddings)
    logits.sum().backward()
    assert (embeddings.grad[embeddings.isnan()] == 0).all()
    whole = embeddings.detach()
    left = power_normalize(whole[:, :5])
    right = whole[:, 5:] / whole[:, 5:].norm(dim=1, keepdim=True)
    parts = [
        torch.cat([left[0], right[0]]),
        torch.cat([average[:5], right[1]]),
        torch.cat([left[2], average[5:]]),
        average,
    ]
    torch.testing.assert_close(logits.detach(), torch.stack(parts) @ weight.T + bias)


@pytest.mark.parametrize(
    ("blocks", "average"), [([Block(4)], None), ([], None), (None, torch.zeros(4))]
)
def test_blocks_that_do_not_fit_are_refused(blocks, average):
    with pytest.raises(ValueError, match="blocks have"):
        LinearClassifier(torch.zeros(3, 5), torch.zeros(3), blocks, average)
