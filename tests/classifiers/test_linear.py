from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.classifiers import LinearClassifier, power_normalize


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
