from __future__ import annotations

import numpy as np
import pytest

from longtailor.samples.canvas import Piece
from longtailor.samples.cut import Arm, Cut, cut_of
from longtailor.samples.product import Product
from longtailor.samples.sleeves import arm_curves, sleeve_pieces
from longtailor.samples.vocabulary import SLEEVES

TEE = Product(0, "tee", "short", "classic", "crew", "plain", "navy", "hip", ())


def sewn(sleeve: str, seed: int, *, left: bool = False, arm: Arm | None = None) -> list[Piece]:
    curves = arm_curves(_cut(), arm or Arm(0.4, 0.35), 1.0)
    return sleeve_pieces(sleeve, _cut(), curves, left, "main", np.random.default_rng(seed))


def _cut() -> Cut:
    return cut_of(TEE, np.random.default_rng(0))


def _reach(sleeve: str, seed: int) -> float:
    return max(float(piece.outline[:, 1].max()) for piece in sewn(sleeve, seed))


def _area(piece: Piece) -> float:
    x, y = piece.outline.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


@pytest.mark.parametrize("seed", range(20))
def test_sleeves_reach_as_far_as_their_names_say(seed: int) -> None:
    cap, short, three_quarter, long = (
        _reach(sleeve, seed) for sleeve in ("cap", "short", "three_quarter", "long")
    )
    assert cap < short < three_quarter < long


@pytest.mark.parametrize("seed", range(20))
def test_a_puff_is_wider_than_any_short_sleeve(seed: int) -> None:
    puff, short = sewn("puff", seed)[0], sewn("short", seed)[0]
    width = {name: float(np.ptp(p.outline[:, 0])) for name, p in (("puff", puff), ("short", short))}
    assert width["puff"] > 1.3 * width["short"]
    assert len(puff.folds) > 10


@pytest.mark.parametrize("seed", range(20))
def test_a_bell_is_wider_at_its_mouth_than_a_three_quarter_sleeve(seed: int) -> None:
    bell, plain = sewn("bell", seed)[0], sewn("three_quarter", seed)[0]
    assert _area(bell) > 1.2 * _area(plain)


def test_a_raglan_runs_up_to_the_neck_and_the_others_do_not() -> None:
    inner = {s: min(p.outline[:, 0].min() for p in sewn(s, 0)) for s in ("raglan", "short", "long")}
    assert inner["raglan"] < _cut().neck + 0.02
    assert min(inner["short"], inner["long"]) > _cut().neck + 0.05


def test_raglans_are_mostly_of_another_cloth() -> None:
    cloths = [sewn("raglan", seed)[0].cloth for seed in range(60)]
    assert cloths.count("contrast") > 40


def test_no_sleeve_no_pieces() -> None:
    assert sewn("sleeveless", 0) == []


@pytest.mark.parametrize("sleeve", [s for s in SLEEVES if s != "sleeveless"])
def test_left_and_right_are_mirror_images(sleeve: str) -> None:
    for right, left in zip(sewn(sleeve, 3), sewn(sleeve, 3, left=True), strict=True):
        np.testing.assert_allclose(left.outline * (-1, 1), right.outline)
        assert left.grain == -right.grain


@pytest.mark.parametrize("sleeve", [s for s in SLEEVES if s != "sleeveless"])
def test_every_pose_gives_finite_sleeves(sleeve: str) -> None:
    for upper in np.linspace(0.1, 1.4, 5):
        for lower in np.linspace(-0.9, 2.9, 6):
            for seed in range(4):
                for piece in sewn(sleeve, seed, arm=Arm(float(upper), float(lower))):
                    assert np.isfinite(piece.outline).all()
                    assert np.abs(piece.outline).max() < 4
