"""Curves in garment units, and where they fall on the photo.

Garment units: x to the right from the middle of the garment, y down from the point where
shoulder and neck meet; a waist is near y = 1, a floor-length hem near y = 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def points(*pairs: tuple[float, float]) -> Points:
    """Give points as an array, shape (points, 2)."""
    return np.array(pairs, dtype=np.float64)


def smooth(through: Points | Sequence[tuple[float, float]], steps: int = 8) -> Points:
    """Give an open Catmull-Rom curve through the points, `steps` points to a segment."""
    p = np.asarray(through, dtype=np.float64)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.vstack([curve.reshape(-1, 2), p[-1:]])


def resample(curve: Points, count: int) -> Points:
    """Give `count` points at equal distances along a curve."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0, along[-1], count)
    return np.column_stack([np.interp(at, along, curve[:, 0]), np.interp(at, along, curve[:, 1])])


def mirror(curve: Points) -> Points:
    """Reflect a curve in the middle of the garment."""
    return curve * (-1.0, 1.0)


def normals(curve: Points) -> Points:
    """Give the unit normal at each point, to the left of the way along the curve."""
    along = np.gradient(curve, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    return np.column_stack([along[:, 1], -along[:, 0]])


def ellipse(centre: tuple[float, float], rx: float, ry: float, count: int = 40) -> Points:
    """Give the outline of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([centre[0] + rx * np.cos(angle), centre[1] + ry * np.sin(angle)])


@dataclass(frozen=True)
class Frame:
    """Maps garment units to pixels: scale, then rotation, then offset."""

    scale: float
    angle: float
    offset: tuple[float, float]

    def __call__(self, curve: Points) -> list[tuple[float, float]]:
        """Give pixel coordinates."""
        cos, sin = np.cos(self.angle) * self.scale, np.sin(self.angle) * self.scale
        x = curve[:, 0] * cos - curve[:, 1] * sin + self.offset[0]
        y = curve[:, 0] * sin + curve[:, 1] * cos + self.offset[1]
        return list(zip(x.tolist(), y.tolist(), strict=True))
