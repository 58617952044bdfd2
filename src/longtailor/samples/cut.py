"""The measurements of a garment and the way its wearer holds the arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longtailor.samples.product import Product

Rng = np.random.Generator

HEM = {"cropped": 0.98, "hip": 1.45, "thigh": 1.85, "knee": 2.35, "midi": 2.8, "maxi": 3.3}
ARMHOLE = 0.54
SHOULDER_SLOPE = 0.13

# Ease: how much wider than the body. Waist: how far it is drawn in.
_EASE = {
    "sporty": 1.12,
    "minimalist": 1.12,
    "bohemian": 1.1,
    "punk": 1.06,
    "romantic": 0.97,
    "retro": 0.95,
}
_WAIST = {"romantic": 0.74, "retro": 0.70, "classic": 0.86, "preppy": 0.88, "bohemian": 0.92}
_FLARE = {
    "romantic": 1.45,
    "retro": 1.65,
    "bohemian": 1.4,
    "preppy": 1.3,
    "classic": 1.05,
    "punk": 1.15,
}


@dataclass(frozen=True)
class Cut:
    """Half widths and heights in garment units."""

    neck: float
    shoulder: float
    chest: float
    waist: float
    hip: float
    hem_width: float
    hem: float
    waist_height: float
    fitted: bool


@dataclass(frozen=True)
class Arm:
    """How one arm hangs: turns from straight down, in radians, outwards positive."""

    upper: float
    lower: float


def cut_of(product: Product, rng: Rng) -> Cut:
    """Choose the measurements: garment and length decide, the archetype leans on them."""
    skirted = product.garment in ("dress", "coat")
    ease = _EASE.get(product.archetype, 1.0) * rng.normal(1, 0.05)
    if product.garment in ("hoodie", "sweater", "coat"):
        ease *= 1.07
    chest = 0.47 * ease
    drawn_in = _WAIST.get(product.archetype, 0.96) * rng.normal(1, 0.05)
    if not skirted and product.garment not in ("blouse", "jumpsuit"):
        drawn_in = 1 - (1 - drawn_in) * 0.45
    hip = 0.50 * ease * rng.normal(1, 0.03)
    flare = _FLARE.get(product.archetype, 0.95) * rng.normal(1, 0.10) if skirted else 1.0
    hem = HEM[product.length] * rng.normal(1, 0.025)
    below_hip = max(0.0, hem - 1.5)
    return Cut(
        neck={"boat": 0.33, "scoop": 0.25, "sweetheart": 0.30, "square": 0.27}.get(
            product.neckline, 0.18
        )
        * rng.normal(1, 0.06),
        shoulder=0.46 * ease**0.6 * rng.normal(1, 0.03),
        chest=chest,
        waist=chest * min(drawn_in, 1.02),
        hip=max(hip, chest * min(drawn_in, 1.0)),
        hem_width=hip * (1 + (flare - 0.93) * min(1.0, below_hip / 0.9)),
        hem=hem,
        waist_height=1.02 * rng.normal(1, 0.03),
        fitted=skirted and drawn_in < 0.9,
    )


def hold_arms(flat: bool, rng: Rng) -> tuple[Arm, Arm]:
    """Choose how the arms hang; a flat-lay spreads or folds them, a wearer may do as she likes."""

    def one(kind: str) -> Arm:
        if kind == "down":
            upper = rng.uniform(0.12, 0.38)
            return Arm(upper, upper - rng.uniform(0, 0.18))
        if kind == "away":
            upper = rng.uniform(0.45, 0.85)
            return Arm(upper, upper - rng.uniform(-0.1, 0.35))
        if kind == "spread":
            upper = rng.uniform(0.9, 1.35)
            return Arm(upper, upper - rng.uniform(-0.15, 0.3))
        if kind == "hip":
            upper = rng.uniform(0.65, 0.9)
            return Arm(upper, -rng.uniform(0.5, 0.9))
        upper = rng.uniform(0.9, 1.3)
        return Arm(upper, rng.uniform(2.3, 2.9))

    if flat:
        kinds, p = ["down", "away", "spread", "hip"], [0.25, 0.40, 0.25, 0.10]
    else:
        kinds, p = ["down", "away", "hip", "up"], [0.58, 0.22, 0.14, 0.06]
    first = str(rng.choice(kinds, p=p))
    second = str(rng.choice(kinds, p=p)) if rng.random() < 0.3 else first
    return one(first), one(second)
