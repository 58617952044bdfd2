from __future__ import annotations

import numpy as np

from longtailor.samples.geometry import Frame, mirror, normals, points, resample, smooth


def test_smooth_curve_passes_through_its_points() -> None:
    through = points((0, 0), (1, 2), (3, 1), (4, 4))
    curve = smooth(through, steps=6)
    np.testing.assert_allclose(curve[::6], through, atol=1e-12)


def test_smooth_keeps_a_straight_line_straight() -> None:
    curve = smooth(points((0, 0), (1, 1), (2, 2)))
    np.testing.assert_allclose(curve[:, 0], curve[:, 1])


def test_resample_spaces_points_evenly() -> None:
    even = resample(points((0, 0), (3, 0), (3, 1)), 9)
    np.testing.assert_allclose(np.hypot(*np.diff(even, axis=0).T), 0.5)


def test_normals_are_square_to_the_curve() -> None:
    curve = smooth(points((0, 0), (1, 0.5), (2, 0), (3, 1)))
    along = np.gradient(curve, axis=0)
    np.testing.assert_allclose((normals(curve) * along).sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.hypot(*normals(curve).T), 1)


def test_mirror_twice_is_the_same() -> None:
    curve = points((1, 2), (-3, 4))
    np.testing.assert_array_equal(mirror(mirror(curve)), curve)
    np.testing.assert_array_equal(mirror(curve)[:, 0], [-1, 3])


def test_frame_scales_turns_and_moves() -> None:
    quarter = Frame(10, np.pi / 2, (100, 50))
    np.testing.assert_allclose(quarter(points((1, 0), (0, 1))), [(100, 60), (90, 50)])
