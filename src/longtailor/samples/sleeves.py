"""Sleeves: one shape for each value of the attribute `sleeve`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from longtailor.samples.canvas import Fold, Piece
from longtailor.samples.cut import ARMHOLE, SHOULDER_SLOPE, Arm, Cut
from longtailor.samples.geometry import Points, mirror, points, resample, smooth

Rng = np.random.Generator

_UPPER_ARM, _FOREARM = 0.72, 0.66
_SAMPLES = 61

# How far down the arm each sleeve reaches, 1 being the wrist.
_REACH = {
    "cap": (0.10, 0.17),
    "short": (0.27, 0.42),
    "three_quarter": (0.58, 0.72),
    "long": (0.95, 1.03),
    "raglan": (0.36, 1.0),
    "bell": (0.62, 0.98),
    "puff": (0.31, 0.40),
}


@dataclass(frozen=True)
class ArmCurves:
    """An arm as seen on the right of the picture.

    Attributes
    ----------
    middle : ndarray, shape (samples, 2)
        From the middle of the armhole to the wrist.
    across : ndarray, shape (samples, 2)
        Half the width of a close sleeve there: from the middle to its upper edge.
    bone : ndarray, shape (samples, 2)
        The arm itself, from the shoulder joint to the hand.
    """

    middle: Points
    across: Points
    bone: Points


def arm_curves(cut: Cut, arm: Arm, ease: float) -> ArmCurves:
    """Work out where an arm and a close sleeve on it lie."""
    shoulder, pit = points((cut.shoulder, SHOULDER_SLOPE)), points((cut.chest, ARMHOLE))
    joint = shoulder[0] + (-0.09, 0.10)
    elbow = joint + _UPPER_ARM * _way(arm.upper)
    wrist = elbow + _FOREARM * _way(arm.lower)
    bend = (arm.upper + arm.lower) / 2
    over_elbow, over_wrist = _outwards(bend), _outwards(arm.lower)
    high = joint + 0.35 * (elbow - joint) + 0.165 * ease * _outwards(arm.upper)
    upper = smooth(
        np.vstack(
            [shoulder, high, elbow + 0.13 * ease * over_elbow, wrist + 0.095 * ease * over_wrist]
        )
    )
    lower = smooth(
        np.vstack([pit, elbow - 0.13 * ease * over_elbow, wrist - 0.095 * ease * over_wrist])
    )
    upper, lower = resample(upper, _SAMPLES), resample(lower, _SAMPLES)
    bone = resample(smooth(np.vstack([joint, elbow, wrist])), _SAMPLES)
    return ArmCurves((upper + lower) / 2, (upper - lower) / 2, bone)


def sleeve_pieces(
    sleeve: str, cut: Cut, curves: ArmCurves, left: bool, style: str, rng: Rng
) -> list[Piece]:
    """Cut one sleeve.

    Parameters
    ----------
    sleeve : str
        A value of the attribute `sleeve`.
    cut : Cut
    curves : ArmCurves
    left : bool
        Whether it is the sleeve on the left of the picture.
    style : str
        `"contrast"` for sleeves of another cloth, else `"main"`. Raglans mostly
        choose another cloth themselves.
    rng : Generator
        The same state for both sleeves of a garment.

    Returns
    -------
    list of Piece
        In the order of painting. Empty for `"sleeveless"`.
    """
    if sleeve == "sleeveless":
        return []
    low, high = _REACH[sleeve]
    reach = rng.uniform(low, high)
    if sleeve == "raglan" and rng.random() < 0.5:
        reach = rng.uniform(0.36, 0.5) if rng.random() < 0.5 else rng.uniform(0.93, 1.0)
    builder = {"puff": _puff, "bell": _bell, "raglan": _raglan, "cap": _cap}.get(sleeve, _set_in)
    pieces = builder(cut, curves, reach, style, rng)
    grain = _grain(curves, reach)
    return [_placed(piece, grain, left) for piece in pieces]


def armhole(cut: Cut) -> Points:
    """Give the seam between body and sleeve, from the shoulder down to the armpit."""
    inner = min(cut.shoulder, cut.chest) - 0.055
    return smooth(points((cut.shoulder, SHOULDER_SLOPE), (inner, 0.36), (cut.chest, ARMHOLE)))


def _set_in(cut: Cut, curves: ArmCurves, reach: float, style: str, rng: Rng) -> list[Piece]:
    loose = rng.uniform(0.95, 1.25) if reach < 0.5 else rng.uniform(0.92, 1.1)
    gentle = rng.uniform(-0.05, 0.22)
    t = _parameters(reach)
    width = 1 + (loose - 1) * t / reach + gentle * np.clip(t / reach - 0.6, 0, 1)
    tube = _tube(cut, curves, t, width)
    folds = _elbow_folds(curves, reach, rng)
    pieces = [Piece(tube, style, folds=folds)]
    finish = rng.choice(["plain", "cuff", "rib"], p=[0.5, 0.3, 0.2])
    if finish != "plain" and reach > 0.25:
        pieces.append(_cuff(curves, t, width, 0.045 if finish == "cuff" else 0.075, "trim"))
    return pieces


def _cap(cut: Cut, curves: ArmCurves, reach: float, style: str, rng: Rng) -> list[Piece]:
    """Cover the shoulder alone: the sleeve runs out to nothing half-way down the armhole."""
    t = _parameters(reach)
    top = _at(curves.middle, t) + _at(curves.across, t)
    seam = armhole(cut)
    end = seam[int(len(seam) * rng.uniform(0.5, 0.68))]
    out = top[-1] + (0.02, 0.01)
    outer = smooth(
        np.vstack(
            [top[0], top[len(top) // 2] + (0.012, -0.01), out, (out + end) / 2 + (0.03, 0.025), end]
        )
    )
    inside = seam[: int(len(seam) * 0.6)][::-1]
    hem = smooth(np.vstack([out, (out + end) / 2 + (0.03, 0.025), end])) - (0.012, 0.012)
    return [Piece(np.vstack([outer, inside]), style, folds=[Fold(hem, -0.35, 0.012)])]


def _bell(cut: Cut, curves: ArmCurves, reach: float, style: str, rng: Rng) -> list[Piece]:
    """Flare from the elbow, or from the middle of a shorter sleeve, into a wavy hem."""
    t = _parameters(reach)
    start = rng.uniform(0.40, 0.58) * reach
    opening = rng.uniform(2.0, 2.9)
    rise = np.clip((t - start) / (reach - start), 0, 1)
    width = 1 + opening * rise**1.35
    tube = _tube(cut, curves, t, width)
    middle, across = _at(curves.middle, t), _at(curves.across, t)
    way = _unit(middle[-1] - middle[-4])
    # The mouth of the bell: an open ellipse whose far side shows the inside.
    swing = np.linspace(0, 2 * np.pi, 33)[:, None]
    wide = across[-1] * width[-1]
    ripple = 1 + 0.35 * np.sin(swing * rng.integers(4, 7))
    mouth = middle[-1] + np.cos(swing) * wide + np.sin(swing) * way * 0.075 * ripple
    folds = [
        Fold(
            np.vstack([middle[k], middle[-1] + wide * side + way * 0.05]),
            -0.55 if number % 2 == 0 else 0.4,
            0.03,
        )
        for number, side in enumerate(np.linspace(-0.75, 0.75, 6))
        for k in [int(len(t) * 0.52)]
    ]
    pieces = [Piece(tube, style, folds=folds), Piece(mouth, "inner", lift=0.0)]
    if rng.random() < 0.4:
        band = smooth(
            np.vstack(
                [
                    middle[int(len(t) * 0.5)] + s * across[int(len(t) * 0.5)]
                    for s in (1.04, 0, -1.04)
                ]
            )
        )
        pieces.append(Piece(np.vstack([band, band[::-1] + way * 0.04]), "trim", lift=0.0))
    return pieces


def _puff(cut: Cut, curves: ArmCurves, reach: float, style: str, rng: Rng) -> list[Piece]:
    """Gather at the shoulder and at the cuff, round and full between; it lies behind the body."""
    t = _parameters(reach)
    middle, across = _at(curves.middle, t), _at(curves.across, t)
    along = _unit(middle[-1] - middle[0])
    out = np.array([along[1], -along[0]])
    length = float(np.hypot(*(middle[-1] - middle[0])))
    centre = (middle[0] + middle[-1]) / 2 + out * 0.075 - along * 0.03
    half_length, half_width = length * rng.uniform(0.60, 0.68), rng.uniform(0.33, 0.42)
    turn = np.linspace(0, 2 * np.pi, 72)
    pleats = 1 + 0.018 * np.sin(turn * 13)
    # A superellipse is fuller than an ellipse, as gathered cloth is.
    x, y = (np.sign(v) * np.abs(v) ** 0.84 for v in (np.cos(turn), np.sin(turn)))
    balloon = (
        centre
        + (pleats * x)[:, None] * out * half_width
        + (pleats * y)[:, None] * along * half_length
    )
    folds = []
    for number, side in enumerate(np.linspace(-0.85, 0.85, 9)):
        tone = -0.62 if number % 2 == 0 else 0.38
        for end, gather in ((-0.98, 0.45), (0.98, 0.38)):
            root = centre + out * half_width * side * gather + along * half_length * end
            belly = centre + out * half_width * side * 0.95 + along * half_length * end * 0.28
            folds.append(Fold(np.vstack([root, belly]), tone, 0.017))
    tip = centre + along * half_length
    wide = out * float(np.hypot(*across[-1])) * 0.98
    band = np.vstack(
        [
            tip + wide - along * 0.05,
            tip + wide + along * 0.03,
            tip - wide + along * 0.03,
            tip - wide - along * 0.05,
        ]
    )
    cuff = Piece(band, "trim" if rng.random() < 0.8 else style, lift=0.01)
    return [Piece(balloon, style, folds=folds, lift=0.03), cuff]


def _raglan(cut: Cut, curves: ArmCurves, reach: float, style: str, rng: Rng) -> list[Piece]:
    """Run up to the neck, with a slanting seam from the armpit."""
    t = _parameters(reach)
    width = 1 + rng.uniform(-0.02, 0.12) * t / reach
    middle, across = _at(curves.middle, t), _at(curves.across, t)
    top, bottom = middle + across * width[:, None], middle - across * width[:, None]
    neck = points((cut.neck + 0.015, -0.005))
    seam = smooth(
        points(
            (cut.chest, ARMHOLE), (0.62 * cut.chest + 0.3 * cut.neck, 0.31), (cut.neck - 0.02, 0.06)
        )
    )
    shoulder = smooth(np.vstack([neck, (neck + top[:1]) / 2 + (0.02, -0.015), top[:1]]))
    outline = np.vstack([shoulder, top[1:], bottom[::-1], seam, neck])
    cloth = "contrast" if rng.random() < 0.88 else style
    folds = [*_elbow_folds(curves, reach, rng), Fold(seam, -0.5, 0.014)]
    pieces = [Piece(outline, cloth, folds=folds, lift=0.012)]
    if rng.random() < 0.6:
        pieces.append(_cuff(curves, t, width, 0.06, "main" if cloth == "contrast" else "trim"))
    return pieces


def _tube(
    cut: Cut, curves: ArmCurves, t: npt.NDArray[np.float64], width: npt.NDArray[np.float64]
) -> Points:
    middle, across = _at(curves.middle, t), _at(curves.across, t)
    top, bottom = middle + across * width[:, None], middle - across * width[:, None]
    return np.vstack([top, bottom[::-1], armhole(cut)[::-1]])


def _cuff(
    curves: ArmCurves,
    t: npt.NDArray[np.float64],
    width: npt.NDArray[np.float64],
    depth: float,
    cloth: str,
) -> Piece:
    middle, across = _at(curves.middle, t), _at(curves.across, t)
    way = _unit(middle[-1] - middle[-4]) * depth
    wide = across[-1] * width[-1] * 1.03
    corners = np.vstack(
        [middle[-1] + wide - way, middle[-1] + wide, middle[-1] - wide, middle[-1] - wide - way]
    )
    return Piece(corners, cloth, lift=0.0)


def _elbow_folds(curves: ArmCurves, reach: float, rng: Rng) -> list[Fold]:
    folds = []
    for _ in range(3 if reach > 0.5 else 1):
        at = int(rng.uniform(0.15, min(reach, 0.95)) * (_SAMPLES - 1))
        start = curves.middle[at] + curves.across[at] * rng.uniform(-0.9, -0.3)
        end = curves.middle[max(0, at - 5)] + curves.across[at] * rng.uniform(0.1, 0.7)
        folds.append(Fold(np.vstack([start, end]), rng.choice([-0.4, 0.25]), 0.03))
    return folds


def _placed(piece: Piece, grain: float, left: bool) -> Piece:
    if not left:
        return Piece(piece.outline, piece.cloth, grain, piece.folds, piece.seam, piece.lift)
    folds = [Fold(mirror(fold.curve), fold.tone, fold.width) for fold in piece.folds]
    return Piece(mirror(piece.outline), piece.cloth, -grain, folds, piece.seam, piece.lift)


def _grain(curves: ArmCurves, reach: float) -> float:
    along = _at(curves.middle, np.array([reach]))[0] - curves.middle[0]
    return float(np.degrees(np.arctan2(along[0], along[1])))


def _parameters(reach: float) -> npt.NDArray[np.float64]:
    return np.linspace(0, reach, 25)


def _at(curve: Points, t: npt.NDArray[np.float64]) -> Points:
    """Look a curve up at shares of its length; beyond 1 it goes straight on."""
    grid = np.linspace(0, 1, len(curve))
    inside = np.column_stack([np.interp(t, grid, curve[:, 0]), np.interp(t, grid, curve[:, 1])])
    beyond = np.clip(t - 1, 0, None)[:, None] * (len(curve) - 1)
    return np.asarray(inside + beyond * (curve[-1] - curve[-2]))


def _way(angle: float) -> Points:
    return np.array([np.sin(angle), np.cos(angle)])


def _outwards(angle: float) -> Points:
    return np.array([np.cos(angle), -np.sin(angle)])


def _unit(vector: Points) -> Points:
    return np.asarray(vector / max(float(np.hypot(*vector)), 1e-9))
