"""Buttons, pockets, bows, ruffles, belts and zips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from longtailor.samples.canvas import Canvas, Fold, Piece
from longtailor.samples.garment import Garment
from longtailor.samples.geometry import Points, ellipse, mirror, normals, points, smooth
from longtailor.samples.palettes import shift

Rng = np.random.Generator


def sew_details(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Sew on every detail of the product."""
    for detail in sewn.product.details:
        _DETAILS[detail](canvas, sewn, rng)


def _buttons(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    button = (
        sewn.outfit.palette.third if rng.random() < 0.5 else shift(sewn.outfit.palette.main, -0.5)
    )
    if sewn.product.garment in ("sweater", "tee") or (
        sewn.product.garment == "dress" and rng.random() < 0.4
    ):
        stop = min(sewn.opening + 0.36, sewn.cut.hem - 0.1)
    else:
        stop = (
            sewn.cut.hem - 0.12 if sewn.cut.hem < 2 or rng.random() < 0.5 else sewn.cut.waist_height
        )
    seam = shift(sewn.outfit.palette.main, -0.3)
    canvas.line(points((0.045, sewn.opening), (0.045, stop + 0.08)), seam, 0.008)
    rows = [0.0] if sewn.product.garment != "coat" or rng.random() < 0.5 else [-0.13, 0.15]
    radius = 0.034 if sewn.product.garment == "coat" else 0.021
    for x in rows:
        for y in np.arange(
            sewn.opening + 0.06, stop + 0.03, 0.19 if sewn.product.garment == "coat" else 0.155
        ):
            canvas.disc(
                (x + 0.005, y + 0.008), radius * 1.15, shift(sewn.outfit.palette.main, -0.45)
            )
            canvas.disc((x, y), radius, button)


def _zip(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    slant = 0.16 if sewn.product.archetype == "punk" and sewn.product.garment == "jacket" else 0.0
    stop = sewn.cut.hem if sewn.product.garment in ("jacket", "hoodie") else sewn.cut.waist_height
    way = points((slant, sewn.opening), (0.0, stop))
    canvas.line(way, shift(sewn.outfit.palette.main, -0.45), 0.05)
    canvas.line(way, (188, 190, 196), 0.022)
    canvas.fill(
        points(
            (slant - 0.02, sewn.opening),
            (slant + 0.02, sewn.opening),
            (slant + 0.014, sewn.opening + 0.1),
            (slant - 0.014, sewn.opening + 0.1),
        ),
        (214, 214, 220),
    )


def _pocket(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    cloth = "main" if rng.random() < 0.75 else "trim"
    if sewn.product.garment == "hoodie":
        shape = points((-0.22, 1.0), (0.22, 1.0), (0.32, 1.3), (-0.32, 1.3))
        canvas.paint(Piece(shape, cloth, 4, lift=0.015), sewn.outfit.cloths[cloth])
        return
    if sewn.product.garment in ("coat", "jacket", "jumpsuit", "dress"):
        y = min(sewn.cut.waist_height + 0.22, sewn.cut.hem - 0.3)
        shape = points((0.16, y), (0.36, y - 0.02), (0.36, y + 0.2), (0.16, y + 0.2))
        both = [shape, mirror(shape)]
    else:
        y = rng.uniform(0.56, 0.64)
        both = [points((0.13, y), (0.31, y), (0.31, y + 0.17), (0.22, y + 0.23), (0.13, y + 0.17))]
    for shape in both:
        canvas.paint(Piece(shape, cloth, 4, lift=0.012), sewn.outfit.cloths[cloth])
        canvas.line(shape[:2] + np.array([0, 0.035]), shift(sewn.outfit.palette.main, -0.35), 0.01)


def _bow(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    y = sewn.opening + 0.03 if rng.random() < 0.7 or sewn.cut.hem < 1.2 else sewn.cut.waist_height
    size = rng.uniform(0.14, 0.24)
    cloth = sewn.outfit.cloths["trim" if rng.random() < 0.7 else "main"]
    loop = smooth(
        points(
            (0, y),
            (size * 0.6, y - size * 0.5),
            (size * 1.15, y - size * 0.3),
            (size * 1.1, y + size * 0.35),
            (0, y),
        )
    )
    tail = points(
        (0, y),
        (size * 0.25, y),
        (size * 0.75, y + size * 1.5),
        (size * 0.45, y + size * 1.4),
        (size * 0.38, y + size * 1.65),
    )
    fold = [Fold(points((0, y), (size * 0.7, y - size * 0.08)), -0.6, 0.02)]
    for flip in (lambda p: p, mirror):
        canvas.paint(Piece(flip(tail), "trim", 20), cloth)
        canvas.paint(
            Piece(flip(loop), "trim", 40, [Fold(flip(f.curve), f.tone, f.width) for f in fold]),
            cloth,
        )
    canvas.paint(Piece(ellipse((0, y), size * 0.2, size * 0.24), "trim"), cloth)


def _ruffle(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    cloth = sewn.outfit.cloths["trim" if rng.random() < 0.3 else "main"]
    if rng.random() < 0.6 or sewn.cut.hem < 1.2:
        width = sewn.cut.hem_width if sewn.cut.hem > 1.3 else sewn.cut.waist
        top = points(
            (-width * 0.985, sewn.cut.hem - 0.02),
            (0, sewn.cut.hem + 0.03),
            (width * 0.985, sewn.cut.hem - 0.02),
        )
        canvas.paint(_frill(smooth(top, 14), 0.17, rng), cloth)
        if sewn.cut.hem > 2.2:
            canvas.paint(_frill(smooth(top * (0.97, 1) - (0, 0.3), 14), 0.15, rng), cloth)
        return
    yoke = smooth(
        points(
            (-sewn.cut.chest * 0.92, 0.40), (-0.2, 0.62), (0.2, 0.62), (sewn.cut.chest * 0.92, 0.40)
        ),
        10,
    )
    canvas.paint(_frill(yoke, 0.16, rng), cloth)


def _frill(top: Points, depth: float, rng: Rng) -> Piece:
    waves = np.linspace(0, 2 * np.pi * rng.integers(7, 11), len(top))
    below = -normals(top)
    if below[len(top) // 2, 1] < 0:
        below = -below
    hem = top + below * (depth * (1 + 0.22 * np.sin(waves)))[:, None]
    folds = [
        Fold(np.vstack([top[k], hem[k]]), -0.5 if number % 2 else 0.35, 0.016)
        for number, k in enumerate(range(1, len(top) - 1, 2))
    ]
    return Piece(np.vstack([top, hem[::-1]]), "main", folds=folds, lift=0.02)


def _belt(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    y, w = sewn.cut.waist_height, sewn.cut.waist * 1.015
    deep = rng.uniform(0.05, 0.10)
    shape = np.vstack(
        [
            points((-w, y - deep), (0, y - deep + 0.02), (w, y - deep)),
            points((w, y + deep), (0, y + deep + 0.02), (-w, y + deep)),
        ]
    )
    leather = rng.random() < 0.55
    cloth = sewn.outfit.cloths["leather" if leather else "trim"]
    canvas.paint(Piece(shape, "trim", lift=0.015), cloth)
    if leather:
        gold = (206, 172, 92) if sewn.product.archetype != "punk" else (196, 198, 204)
        canvas.line(
            points(
                (-0.06, y - deep),
                (0.06, y - deep),
                (0.06, y + deep + 0.03),
                (-0.06, y + deep + 0.03),
                (-0.06, y - deep),
            ),
            gold,
            0.025,
        )
        return
    for x in (-0.05, 0.06):
        canvas.paint(
            Piece(
                points((0.0, y), (0.05, y), (x + 0.07, y + 0.42), (x, y + 0.4)), "trim", lift=0.01
            ),
            cloth,
        )


_DETAILS: dict[str, Callable[[Canvas, Garment, Rng], None]] = {
    "buttons": _buttons,
    "zip": _zip,
    "pocket": _pocket,
    "bow": _bow,
    "ruffle": _ruffle,
    "belt": _belt,
}
