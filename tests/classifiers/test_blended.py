from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from longtailor.classifiers import BlendedClassifier, Block, LinearClassifier, compete
from longtailor.classifiers.kernel import SOFTENING

DIM, LABELS, LANDMARKS = 6, 4, 5


def parts(competing=(), blocks=None):
    make = torch.Generator().manual_seed(0)
    linear = LinearClassifier(
        torch.randn(LABELS, DIM, generator=make),
        torch.randn(LABELS, generator=make),
        blocks,
        torch.randn(DIM, generator=make) / 10,
    )
    return (
        linear,
        torch.full((DIM,), 3.0),
        torch.randn(LANDMARKS, DIM, generator=make).half(),
        torch.tensor(2.0),
        torch.randn(LABELS, LANDMARKS, generator=make),
        torch.tensor([1.0, 0.5, 2.0, 0.8]),
        torch.tensor([0.0, 0.1, -0.3, 0.7]),
        competing,
    )


def embeddings(products=8):
    return torch.randn(products, DIM, generator=torch.Generator().manual_seed(1))


def by_hand(inputs, linear, scale, landmarks, width, weight, *_):
    rooted = np.sign(inputs.numpy()) * np.sqrt(np.abs(inputs.numpy()))
    rooted /= np.linalg.norm(rooted, axis=1, keepdims=True)
    moved = (rooted - linear.average.numpy()) * scale.numpy()
    squares = cdist(moved, landmarks.float().numpy(), "sqeuclidean")
    soft = SOFTENING * float(width)
    similar = np.exp((soft - np.sqrt(squares + soft**2)) / float(width))
    affine = rooted @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    return affine + similar @ weight.numpy().T


def test_logits_by_hand():
    given = parts()
    with torch.no_grad():
        logits = BlendedClassifier(*given)(embeddings()).numpy()
    np.testing.assert_allclose(logits, by_hand(embeddings(), *given), atol=1e-4)


def test_values_that_compete_are_half_their_competition():
    plain = torch.from_numpy(by_hand(embeddings(), *parts()))
    with torch.no_grad():
        found = BlendedClassifier(*parts([[1, 2, 3]]))(embeddings())
    slope, offset = parts()[5:7]
    expected = slope * (plain + compete(plain, [[1, 2, 3]])) / 2 + offset
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-4)
    np.testing.assert_allclose(found[:, 0].numpy(), plain[:, 0].numpy(), atol=1e-4)


def test_a_missing_block_counts_as_the_average_one():
    blocks = [Block(2), Block(4, root=False)]
    classifier = BlendedClassifier(*parts(blocks=blocks))
    inputs = embeddings(1)
    inputs[:, 2:] = torch.nan
    features = classifier.linear.normalize(inputs)
    torch.testing.assert_close(features[0, 2:], classifier.linear.average[2:])
    with torch.no_grad():
        assert classifier(inputs).isfinite().all()
    assert classifier.blocks == tuple(blocks)


def test_it_is_as_wide_as_its_linear_part():
    classifier = BlendedClassifier(*parts())
    assert (classifier.dim, classifier.labels) == (DIM, LABELS)


@pytest.mark.parametrize("at", [1, 2, 4, 5, 6])
def test_shapes_that_do_not_match_are_refused(at):
    given = list(parts())
    given[at] = given[at][:-1]
    with pytest.raises(ValueError, match="shapes"):
        BlendedClassifier(*given)
