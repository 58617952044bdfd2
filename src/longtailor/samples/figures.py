"""Who or what carries the garment: a person (now and then a cat), a dress form, a hanger."""

from __future__ import annotations

import numpy as np

from longtailor.samples.canvas import Canvas, Fold, Piece
from longtailor.samples.cut import Cut
from longtailor.samples.geometry import Points, ellipse, mirror, points, smooth
from longtailor.samples.palettes import HAIRS, SKINS, Colour, jitter, shift
from longtailor.samples.sleeves import ArmCurves

Rng = np.random.Generator
WOOD = (186, 142, 98)


class Wearer:
    """A person without a face, or, one time in twenty, a cat with one."""

    def __init__(self, rng: Rng) -> None:
        self.cat = rng.random() < 0.05
        self.skin: Colour = jitter(SKINS[rng.integers(len(SKINS))], rng, 4)
        self.hair: Colour = jitter(HAIRS[rng.integers(len(HAIRS))], rng, 4)
        self.style = str(rng.choice(["bob", "bun", "long", "crop", "curls"]))
        self.bottoms: Colour = jitter(
            [(52, 66, 96), (48, 46, 50), (196, 180, 150), (120, 132, 150)][rng.integers(4)], rng
        )
        if self.cat:
            self.skin = jitter(
                [(222, 160, 92), (122, 122, 128), (60, 58, 62), (238, 230, 216)][rng.integers(4)],
                rng,
                5,
            )

    def behind(self, canvas: Canvas, cut: Cut, skirted: bool) -> None:
        """Draw what the garment covers: legs, and hair down the back."""
        legs = self.skin if skirted else self.bottoms
        for x in (-0.2, 0.2):
            canvas.limb(
                points((x, min(1.35, cut.hem - 0.1)), (x * 0.95, 2.6), (x * 0.9, 3.75)),
                legs,
                0.29 if not skirted else 0.2,
            )
        if not skirted:
            canvas.fill(points((-0.36, 0.8), (0.36, 0.8), (0.40, 1.2), (-0.40, 1.2)), self.skin)
            canvas.fill(
                points(
                    (-0.38, 1.04),
                    (0.38, 1.04),
                    (0.45, 1.4),
                    (0.37, 2.2),
                    (0.04, 2.2),
                    (0, 1.75),
                    (-0.04, 2.2),
                    (-0.37, 2.2),
                    (-0.45, 1.4),
                ),
                self.bottoms,
            )
        for x in (-0.19, 0.19):
            canvas.limb(points((x, 3.8), (x * 1.5, 3.84)), shift(self.hair, -0.2), 0.13)
        if self.style == "long" and not self.cat:
            hair = smooth(
                points(
                    (-0.24, -0.42),
                    (-0.33, -0.05),
                    (-0.30, 0.32),
                    (0, 0.36),
                    (0.30, 0.32),
                    (0.33, -0.05),
                    (0.24, -0.42),
                )
            )
            canvas.fill(hair, self.hair)

    def neck_and_head(self, canvas: Canvas, cut: Cut) -> None:
        """Draw the skin in the neckline, the neck and the head."""
        shade = shift(self.skin, -0.14)
        chest = smooth(
            points((-cut.neck - 0.02, 0.02), (-0.17, 0.6), (0.17, 0.6), (cut.neck + 0.02, 0.02))
        )
        canvas.fill(chest, self.skin)
        w, h = cut.shoulder, cut.chest
        right = points(
            (0.13, -0.04), (cut.neck, 0.03), (w - 0.07, 0.13), (w - 0.04, 0.18), (0.9 * h, 0.6)
        )
        canvas.fill(np.vstack([right, mirror(right)[::-1]]), self.skin)
        canvas.fill(
            points(
                (-0.115, -0.3),
                (0.115, -0.3),
                (0.15, 0.02),
                (0.05, 0.10),
                (-0.05, 0.10),
                (-0.15, 0.02),
            ),
            shade,
        )
        centre = (0.0, -0.36)
        if self.cat:
            self._cat_head(canvas, centre)
            return
        if self.style == "bun":
            canvas.disc((0.0, -0.70), 0.12, self.hair)
        if self.style == "curls":
            for turn in np.linspace(np.pi * 0.9, np.pi * 2.1, 9):
                canvas.disc((0.24 * np.cos(turn), -0.42 + 0.26 * np.sin(turn)), 0.12, self.hair)
        canvas.fill(ellipse(centre, 0.195, 0.255), self.skin)
        if self.style == "bob":
            canvas.fill(
                smooth(
                    points(
                        (-0.25, -0.12),
                        (-0.27, -0.47),
                        (0, -0.68),
                        (0.27, -0.47),
                        (0.25, -0.12),
                        (0.17, -0.12),
                        (0.165, -0.42),
                        (-0.12, -0.48),
                        (-0.17, -0.12),
                    )
                ),
                self.hair,
            )
        else:
            canvas.fill(
                smooth(
                    points(
                        (-0.205, -0.32),
                        (-0.21, -0.54),
                        (0, -0.665),
                        (0.21, -0.54),
                        (0.205, -0.32),
                        (0.14, -0.48),
                        (-0.08, -0.50),
                        (-0.205, -0.32),
                    )
                ),
                self.hair,
            )

    def _cat_head(self, canvas: Canvas, centre: tuple[float, float]) -> None:
        x, y = centre
        ear = points((0.06, y - 0.2), (0.27, y - 0.42), (0.29, y - 0.05))
        inner = points((0.12, y - 0.2), (0.235, y - 0.32), (0.25, y - 0.1))
        for flip in (lambda p: p, mirror):
            canvas.fill(flip(ear), self.skin)
            canvas.fill(flip(inner), (228, 160, 160))
        canvas.fill(ellipse((x, y), 0.30, 0.25), self.skin)
        muzzle, dark = shift(self.skin, 0.45), (36, 34, 36)
        canvas.fill(ellipse((x, y + 0.10), 0.13, 0.09), muzzle)
        for side in (-1, 1):
            canvas.fill(ellipse((x + side * 0.13, y - 0.03), 0.045, 0.055, 16), (176, 196, 84))
            canvas.fill(ellipse((x + side * 0.13, y - 0.03), 0.014, 0.05, 12), dark)
            for tilt in (-0.03, 0.03):
                canvas.line(
                    points((x + side * 0.1, y + 0.1), (x + side * 0.42, y + 0.1 + tilt)),
                    muzzle,
                    0.01,
                )
        canvas.fill(points((-0.035, y + 0.04), (0.035, y + 0.04), (0, y + 0.085)), (206, 120, 120))

    def arm(self, canvas: Canvas, curves: ArmCurves, left: bool, covered: float) -> None:
        """Draw an arm with its hand, but for the share of it that a sleeve covers."""
        bone = mirror(curves.bone) if left else curves.bone
        start = round(covered * (len(bone) - 1))
        if not start:
            canvas.disc((float(bone[0, 0]), float(bone[0, 1])), 0.0775, self.skin)
        if start < 32:
            canvas.limb(bone[start:38], self.skin, 0.155)
        canvas.limb(bone[max(start, 30) :], self.skin, 0.135)
        way = bone[-1] - bone[-4]
        hand = bone[-1] + way / max(float(np.hypot(*way)), 1e-9) * 0.09
        canvas.limb(np.vstack([bone[-1], hand]), self.skin, 0.15)


def dress_form(canvas: Canvas, cut: Cut, rng: Rng) -> None:
    """Draw a tailor's dummy on its stand."""
    linen = jitter((216, 200, 172), rng, 6)
    canvas.line(points((0, 1.2), (0, max(3.3, cut.hem + 0.5))), shift(WOOD, -0.25), 0.09)
    foot = max(3.3, cut.hem + 0.5)
    for x in (-0.5, 0.5):
        canvas.limb(
            smooth(points((0, foot - 0.15), (x * 0.6, foot - 0.08), (x, foot + 0.1))),
            shift(WOOD, -0.25),
            0.08,
        )
    torso = smooth(
        points(
            (-0.12, -0.26),
            (-0.14, -0.02),
            (-0.42, 0.14),
            (-0.42, 0.6),
            (-0.34, 1.0),
            (-0.43, 1.5),
            (0.43, 1.5),
            (0.34, 1.0),
            (0.42, 0.6),
            (0.42, 0.14),
            (0.14, -0.02),
            (0.12, -0.26),
        )
    )
    _solid(canvas, torso, linen)
    canvas.line(points((0, -0.2), (0, 0.7)), shift(linen, -0.15), 0.012)
    _solid(canvas, ellipse((0, -0.27), 0.125, 0.045), WOOD)
    canvas.limb(points((0, -0.30), (0, -0.37)), WOOD, 0.06)
    canvas.disc((0, -0.40), 0.05, WOOD)


def hanger(canvas: Canvas, cut: Cut, rng: Rng) -> None:
    """Draw a hanger on a rail, wooden or of wire."""
    wire = rng.random() < 0.35
    colour: Colour = (150, 152, 158) if wire else jitter(WOOD, rng)
    hook = smooth(
        points((0, -0.05), (0, -0.22), (0.07, -0.30), (0.08, -0.39), (0, -0.45), (-0.07, -0.39))
    )
    canvas.line(points((-9, -0.44), (9, -0.44)), jitter((120, 112, 108), rng), 0.05)
    canvas.line(hook, (168, 168, 174), 0.022)
    arm = smooth(
        points(
            (-cut.shoulder + 0.03, 0.17),
            (-0.12, 0.0),
            (0, -0.05),
            (0.12, 0.0),
            (cut.shoulder - 0.03, 0.17),
        )
    )
    canvas.limb(arm, colour, 0.025 if wire else 0.085)
    if not wire:
        canvas.line(arm - (0, 0.02), shift(colour, 0.25), 0.015)


def _solid(canvas: Canvas, outline: Points, colour: Colour) -> None:
    middle = [Fold(points((0.1, 0.0), (0.12, 1.2)), 0.25, 0.12)]
    canvas.paint(Piece(outline, "form", folds=middle, seam=False), colour)
