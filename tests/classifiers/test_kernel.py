from __future__ import annotations

import numpy as np
import torch
from sklearn.gaussian_process.kernels import Matern

from longtailor.classifiers.kernel import SOFTENING, laplace_kernel


def test_it_is_the_matern_kernel_of_order_one_half():
    random = np.random.default_rng(0)
    left, right = random.normal(size=(7, 5)), random.normal(size=(4, 5))
    expected = Matern(length_scale=1.7, nu=0.5)(left, right)
    found = laplace_kernel(torch.tensor(left), torch.tensor(right), 1.7)
    # Softened below a distance of SOFTENING widths, and that much nearer above it.
    np.testing.assert_allclose(found.numpy(), expected * np.exp(SOFTENING), atol=1e-5)


def test_equal_rows_are_as_similar_as_can_be_and_far_ones_not_at_all():
    rows = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    assert (laplace_kernel(rows, rows, 1.0).diagonal() > 0.99).all()
    assert (laplace_kernel(rows, rows + 1000, 1.0) < 1e-6).all()


def test_a_landmark_is_at_itself_whatever_rounding_makes_of_the_distance():
    rows = torch.randn(200, 1280, generator=torch.Generator().manual_seed(0)) / 1280**0.5
    found = laplace_kernel(rows, rows[:50], 2.7)[:50].diagonal()
    assert (found - 1).abs().max() < 2e-5
