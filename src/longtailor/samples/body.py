"""The body of a garment: neckline, front, hem, collar."""

from __future__ import annotations

import numpy as np

from longtailor.samples.canvas import Fold, Piece
from longtailor.samples.cut import SHOULDER_SLOPE, Cut
from longtailor.samples.geometry import Points, ellipse, mirror, normals, points, smooth
from longtailor.samples.product import Product
from longtailor.samples.sleeves import armhole

Rng = np.random.Generator


def neckline(kind: str, cut: Cut, rng: Rng) -> Points:
    """Give the front edge of the neck, from the right shoulder to the left."""
    n = cut.neck
    depth = {
        "crew": 0.14,
        "scoop": 0.36,
        "boat": 0.09,
        "turtleneck": 0.10,
        "hood": 0.20,
        "collar": 0.20,
    }
    if kind == "v_neck":
        low = rng.uniform(0.38, 0.58)
        return points((n, 0), (0.55 * n, 0.45 * low), (0, low), (-0.55 * n, 0.45 * low), (-n, 0))
    if kind == "square":
        low = rng.uniform(0.24, 0.34)
        return points((n, 0), (0.96 * n, low), (-0.96 * n, low), (-n, 0))
    if kind == "sweetheart":
        low = rng.uniform(0.30, 0.38)
        half = smooth(points((n, 0), (0.95 * n, low * 0.7), (0.5 * n, low * 0.78), (0, low * 1.25)))
        return np.vstack([half, mirror(half)[::-1]])
    low = depth[kind] * rng.uniform(0.85, 1.2)
    return smooth(
        points((n, 0), (0.72 * n, 0.72 * low), (0, low), (-0.72 * n, 0.72 * low), (-n, 0))
    )


def back_piece(cut: Cut, front: Points) -> Piece:
    """Cut the inside of the back, which shows through the neck."""
    back = smooth(points((-cut.neck, 0), (0, 0.045), (cut.neck, 0)))
    return Piece(np.vstack([front, back]), "inner", lift=0.0)


def body_piece(product: Product, cut: Cut, front: Points, rng: Rng) -> Piece:
    """Cut the front, sleeves not included."""
    side = armhole(cut)
    if product.sleeve == "sleeveless":
        strap = cut.neck + (cut.shoulder - cut.neck) * rng.uniform(0.28, 0.98)
        side = smooth(
            points(
                (strap, SHOULDER_SLOPE * (strap - cut.neck) / (cut.shoulder - cut.neck)),
                (min(strap, cut.chest - 0.05) - 0.03, 0.34),
                (cut.chest, 0.54),
            )
        )
    right = np.vstack([points((cut.neck, 0)), side, _side_seam(cut)])
    outline = np.vstack([right, _hem(product, cut, rng), mirror(right)[::-1], front[::-1]])
    return Piece(outline, "main", folds=_drape(cut, rng), lift=0.03)


def collar_pieces(product: Product, cut: Cut, front: Points, rng: Rng) -> list[Piece]:
    """Cut what finishes the neck: a collar, lapels, a roll, a hood is behind."""
    if product.neckline == "turtleneck":
        n, high = cut.neck * 0.93, rng.uniform(0.16, 0.26)
        roll = smooth(
            points((n, -high), (n * 1.02, 0.02), (0, 0.10), (-n * 1.02, 0.02), (-n, -high))
        )
        top = smooth(points((-n, -high), (0, -high - 0.025), (n, -high)))
        ribs = [
            Fold(points((x, -high), (x * 1.05, 0.06)), -0.3, 0.01) for x in np.linspace(-n, n, 7)
        ]
        middle = smooth(points((n, -high * 0.35), (0, -high * 0.22), (-n, -high * 0.35)))
        return [Piece(np.vstack([roll, top]), "main", folds=[*ribs, Fold(middle, -0.5, 0.02)])]
    if product.neckline == "collar":
        return (
            _lapels(cut, rng)
            if product.garment in ("coat", "jacket")
            else _shirt_collar(product, cut, rng)
        )
    if product.neckline in ("crew", "scoop", "boat") and rng.random() < 0.6:
        return [_band(front, rng.uniform(0.028, 0.055), "trim" if rng.random() < 0.5 else "main")]
    return []


def hood_piece(cut: Cut) -> Piece:
    """Cut a hood that lies behind the neck."""
    n = cut.neck
    outline = smooth(
        points(
            (-n - 0.1, 0.06),
            (-n - 0.13, -0.16),
            (-0.6 * n, -0.34),
            (0, -0.38),
            (0.6 * n, -0.34),
            (n + 0.13, -0.16),
            (n + 0.1, 0.06),
        )
    )
    return Piece(outline, "main", folds=[Fold(points((0, -0.36), (0, -0.1)), -0.4)])


def hood_opening(cut: Cut) -> Piece:
    """Cut the lining that shows inside the hood."""
    return Piece(ellipse((0, -0.07), cut.neck * 1.02, 0.19), "inner", lift=0.0)


def _side_seam(cut: Cut) -> Points:
    from_armpit = [(cut.chest, 0.54)]
    if cut.hem > cut.waist_height + 0.1:
        from_armpit.append((cut.waist, cut.waist_height))
    if cut.hem > 1.6:
        from_armpit.append((cut.hip, 1.48))
    from_armpit.append((cut.hem_width if cut.hem > 1.3 else cut.waist, cut.hem))
    return smooth(from_armpit)[1:]


def _hem(product: Product, cut: Cut, rng: Rng) -> Points:
    w = cut.hem_width if cut.hem > 1.3 else cut.waist
    x = np.linspace(w, -w, 41)
    round_ = 1 - (x / w) ** 2
    if product.garment == "jumpsuit":
        gap = 0.05 + 0.06 * rng.random()
        leg = points((w * 0.96, cut.hem), (gap, cut.hem + 0.02), (0.0, 1.72))
        return np.vstack([leg, mirror(leg)[::-1]])
    if product.garment == "shirt" and rng.random() < 0.6:
        return np.column_stack([x, cut.hem - 0.10 + 0.16 * round_**0.6])
    waves = np.zeros(41)
    if w > cut.hip * 1.12:
        waves = 0.028 * np.sin(np.linspace(0, np.pi * rng.integers(7, 12), 41))
    return np.column_stack([x, cut.hem + 0.05 * round_ + waves])


def _drape(cut: Cut, rng: Rng) -> list[Fold]:
    folds = [
        Fold(
            smooth(
                points(
                    (s * cut.chest * 0.95, 0.58),
                    (s * cut.chest * 0.55, 0.72),
                    (s * cut.chest * 0.3, 0.74),
                )
            ),
            -0.22,
        )
        for s in ((-1, 1) if rng.random() < 0.4 else ())
    ]
    if cut.fitted:
        for x in np.linspace(-0.85, 0.85, rng.integers(6, 10)):
            start = (x * cut.waist, cut.waist_height + 0.02)
            end = (x * cut.hem_width * rng.normal(1, 0.05), cut.hem - rng.uniform(0, 0.3))
            folds.append(Fold(points(start, end), rng.choice([-0.40, 0.2]), 0.03))
        return folds
    for _ in range(rng.integers(2, 6)):
        x, y = rng.uniform(-0.8, 0.8) * cut.waist, rng.uniform(0.7, max(0.9, cut.hem - 0.3))
        lean = rng.normal(0, 0.12)
        curve = smooth(
            points((x, y), (x + lean * 0.6, y + 0.15), (x + lean, y + rng.uniform(0.25, 0.5)))
        )
        folds.append(Fold(curve, rng.choice([-0.26, 0.12]), rng.uniform(0.02, 0.05)))
    return folds


def _band(front: Points, width: float, cloth: str) -> Piece:
    """Cut a rib that follows the neckline."""
    outer = front + normals(front) * width
    return Piece(np.vstack([front, outer[::-1]]), cloth, lift=0.0)


def _shirt_collar(product: Product, cut: Cut, rng: Rng) -> list[Piece]:
    n = cut.neck
    point, drop = rng.uniform(0.13, 0.2), rng.uniform(0.24, 0.33)
    if product.archetype in ("romantic", "retro", "preppy") and rng.random() < 0.5:
        half = smooth(
            points((n * 0.9, -0.07), (n + 0.13, 0.06), (n * 0.9 + 0.02, 0.25), (0.02, 0.215))
        )
        half = np.vstack([half, smooth(points((0.0, 0.20), (n * 0.6, 0.12), (n * 0.9, -0.07)))])
    else:
        half = points(
            (n * 0.82, -0.10),
            (n + 0.06, 0.0),
            (n * 0.55 + point * 0.5, drop),
            (0.0, 0.19),
            (n * 0.62, 0.09),
        )
    cloth = "trim" if rng.random() < 0.35 else "main"
    return [Piece(half, cloth, 30, lift=0.02), Piece(mirror(half), cloth, -30, lift=0.02)]


def _lapels(cut: Cut, rng: Rng) -> list[Piece]:
    n, low = cut.neck, rng.uniform(0.6, 0.95)
    wide = rng.uniform(0.11, 0.2)
    shirt = points((n * 0.8, -0.02), (0, low), (-n * 0.8, -0.02), (0, 0.06))
    half = points(
        (n * 0.85, -0.09),
        (n + 0.07, 0.02),
        (n + wide, 0.24),
        (n + wide - 0.08, 0.29),
        (n + wide - 0.01, 0.36),
        (0, low + 0.02),
        (n * 0.62, 0.14),
    )
    return [
        Piece(shirt, "third", lift=0.0),
        Piece(mirror(half), "main", -20, lift=0.02),
        Piece(half, "main", 20, lift=0.02),
    ]
