"""What tells an archetype apart from afar: pearls, numbers, lace, crests, fringes, studs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from longtailor.samples.canvas import Canvas
from longtailor.samples.garment import Garment
from longtailor.samples.geometry import mirror, points, smooth
from longtailor.samples.palettes import shift

Rng = np.random.Generator

# How often a product wears the mark of its archetype: it helps, and does not give it away.
_SHARE = 0.7


def leave_mark(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Draw the mark of the product's archetype, most times. Minimalists leave none."""
    mark = _MARKS.get(sewn.product.archetype)
    if mark is not None and rng.random() < _SHARE:
        mark(canvas, sewn, rng)


def _sporty(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Print a number, or stripes down the sides."""
    if rng.random() < 0.45 and "zip" not in sewn.product.details:
        bars = {0: "012456", 1: "25", 3: "02356", 7: "025", 8: "0123456"}
        digit = int(rng.choice(list(bars)))
        x0, y0, w, h = -0.11, sewn.opening + 0.2, 0.22, 0.38
        corners = {
            "0": ((0, 0), (1, 0)),
            "1": ((0, 0), (0, 0.5)),
            "2": ((1, 0), (1, 0.5)),
            "3": ((0, 0.5), (1, 0.5)),
            "4": ((0, 0.5), (0, 1)),
            "5": ((1, 0.5), (1, 1)),
            "6": ((0, 1), (1, 1)),
        }
        for bar in bars[digit]:
            line = points(*((x0 + x * w, y0 + y * h) for x, y in corners[bar]))
            canvas.limb(line, sewn.outfit.palette.accent, 0.07)
        return
    for x in (0.86, 0.95):
        side = points(
            (sewn.cut.chest * x, 0.6),
            (sewn.cut.waist * x, sewn.cut.waist_height),
            (sewn.cut.waist * x, sewn.cut.hem - 0.02),
        )
        for flip in (lambda p: p, mirror):
            canvas.line(flip(side), sewn.outfit.palette.accent, 0.022)


def _romantic(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Sew lace to the hem: scallops with little holes."""
    w = (sewn.cut.hem_width if sewn.cut.hem > 1.3 else sewn.cut.waist) * 0.97
    if sewn.product.garment == "jumpsuit":
        return
    for x in np.linspace(-w, w, int(w * 18)):
        y = sewn.cut.hem + 0.05 * (1 - (x / w) ** 2)
        canvas.disc((x, y), 0.05, shift(sewn.outfit.palette.accent, 0.35))
        canvas.disc((x, y + 0.008), 0.015, shift(sewn.outfit.palette.main, -0.15))


def _classic(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Lend a string of pearls, or a neckerchief."""
    if rng.random() < 0.4:
        at = min(sewn.opening, 0.30)
        silk = sewn.outfit.palette.accent if rng.random() < 0.5 else sewn.outfit.palette.third
        loop = smooth(points((-sewn.cut.neck, 0.0), (0, at + 0.02), (sewn.cut.neck, 0.0)))
        canvas.line(loop, silk, 0.075)
        for way in (-1, 1):
            canvas.fill(points((0, at), (way * 0.16, at + 0.15), (way * 0.06, at + 0.23)), silk)
            canvas.line(points((0, at), (way * 0.10, at + 0.18)), shift(silk, -0.3), 0.012)
        canvas.disc((0, at + 0.01), 0.05, shift(silk, -0.12))
        return
    for turn in np.linspace(0.05, np.pi - 0.05, 19):
        x = float(np.cos(turn)) * (sewn.cut.neck + 0.035)
        y = float(np.sin(turn)) * (min(sewn.opening, 0.4) + 0.06)
        canvas.disc((x + 0.004, y + 0.008), 0.023, shift(sewn.outfit.palette.main, -0.4))
        canvas.disc((x, y), 0.021, (244, 238, 226))


def _preppy(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Sew a crest on the chest, or tipping above the hem."""
    if rng.random() < 0.6 and "pocket" not in sewn.product.details:
        shield = points((0.16, 0.5), (0.3, 0.5), (0.3, 0.6), (0.23, 0.69), (0.16, 0.6))
        canvas.fill(shield, sewn.outfit.palette.third)
        canvas.line(np.vstack([shield, shield[:1]]), sewn.outfit.palette.accent, 0.018)
        canvas.line(points((0.16, 0.52), (0.29, 0.61)), sewn.outfit.palette.accent, 0.022)
        return
    w = (sewn.cut.hem_width if sewn.cut.hem > 1.3 else sewn.cut.waist) * 0.94
    for up, colour in ((0.07, sewn.outfit.palette.accent), (0.13, sewn.outfit.palette.third)):
        canvas.line(
            smooth(
                points(
                    (-w, sewn.cut.hem - up), (0, sewn.cut.hem + 0.05 - up), (w, sewn.cut.hem - up)
                )
            ),
            colour,
            0.03,
        )


def _bohemian(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Embroider the yoke, or hang a fringe on the hem."""
    if rng.random() < 0.55:
        for turn in np.linspace(0.15, np.pi - 0.15, 11):
            at = (np.cos(turn) * (sewn.cut.neck + 0.1), 0.02 + np.sin(turn) * (sewn.opening + 0.08))
            canvas.disc(at, 0.035, sewn.outfit.palette.accent)
            canvas.disc(at, 0.016, sewn.outfit.palette.third)
        canvas.line(
            points((0.03, sewn.opening + 0.02), (0.06, sewn.opening + 0.4)),
            sewn.outfit.palette.accent,
            0.014,
        )
        canvas.line(
            points((-0.03, sewn.opening + 0.02), (-0.06, sewn.opening + 0.36)),
            sewn.outfit.palette.accent,
            0.014,
        )
        canvas.disc((0.06, sewn.opening + 0.42), 0.03, sewn.outfit.palette.third)
        canvas.disc((-0.06, sewn.opening + 0.38), 0.03, sewn.outfit.palette.third)
        return
    w = (sewn.cut.hem_width if sewn.cut.hem > 1.3 else sewn.cut.waist) * 0.97
    if sewn.product.garment == "jumpsuit":
        return
    for x in np.linspace(-w, w, int(w * 34)):
        y = sewn.cut.hem + 0.05 * (1 - (x / w) ** 2)
        canvas.line(
            points((x, y - 0.03), (x + rng.normal(0, 0.012), y + 0.15)),
            sewn.outfit.palette.accent,
            0.014,
        )


def _punk(canvas: Canvas, sewn: Garment, rng: Rng) -> None:
    """Hammer studs into the shoulders, rip the front, close nothing with a safety pin."""
    steel = (208, 210, 216)
    for x in np.linspace(sewn.cut.neck + 0.04, sewn.cut.shoulder - 0.02, 5):
        for down in (0.07, 0.13):
            y = (x - sewn.cut.neck) / (sewn.cut.shoulder - sewn.cut.neck) * 0.13 + down
            canvas.disc((x, y), 0.018, steel)
            canvas.disc((-x, y), 0.018, steel)
    for _ in range(rng.integers(1, 4)):
        x, y = (
            rng.uniform(-0.25, 0.25),
            rng.uniform(min(sewn.opening + 0.25, sewn.cut.hem - 0.16), sewn.cut.hem - 0.08),
        )
        rip = points((x - 0.12, y), (x, y - 0.025), (x + 0.12, y + 0.01), (x, y + 0.03))
        canvas.fill(rip, shift(sewn.outfit.palette.main, -0.6))
        canvas.line(rip[[0, 2]], shift(sewn.outfit.palette.main, 0.4), 0.008)
    x, y = -0.24, sewn.opening + 0.25
    canvas.line(
        points((x, y), (x + 0.14, y - 0.05), (x + 0.15, y - 0.02), (x + 0.01, y + 0.03)),
        steel,
        0.012,
    )


_MARKS: dict[str, Callable[[Canvas, Garment, Rng], None]] = {
    "classic": _classic,
    "sporty": _sporty,
    "romantic": _romantic,
    "preppy": _preppy,
    "bohemian": _bohemian,
    "punk": _punk,
}
