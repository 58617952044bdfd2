"""Buttons, pockets, bows, ruffles, belts, zips, and the marks an archetype leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from longtailor.samples.canvas import Canvas, Fold, Piece
from longtailor.samples.cut import Cut
from longtailor.samples.geometry import Points, ellipse, mirror, normals, points, smooth
from longtailor.samples.outfit import Outfit
from longtailor.samples.palettes import shift
from longtailor.samples.product import Product

Rng = np.random.Generator


def sew_details(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, front: Points, rng: Rng
) -> None:
    """Sew on every detail of the product, then what shows its archetype."""
    low = float(front[:, 1].max())
    if product.garment in ("coat", "jacket"):
        low = max(low, 0.75)
    for detail in product.details:
        _DETAILS[detail](canvas, product, cut, outfit, low, rng)
    mark = _MARKS.get(product.archetype)
    if mark is not None and rng.random() < 0.7:
        mark(canvas, product, cut, outfit, low, rng)


def _buttons(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    button = outfit.palette.third if rng.random() < 0.5 else shift(outfit.palette.main, -0.5)
    if product.garment in ("sweater", "tee") or (product.garment == "dress" and rng.random() < 0.4):
        stop = min(low + 0.36, cut.hem - 0.1)
    else:
        stop = cut.hem - 0.12 if cut.hem < 2 or rng.random() < 0.5 else cut.waist_height
    seam = shift(outfit.palette.main, -0.3)
    canvas.line(points((0.045, low), (0.045, stop + 0.08)), seam, 0.008)
    rows = [0.0] if product.garment != "coat" or rng.random() < 0.5 else [-0.13, 0.15]
    radius = 0.034 if product.garment == "coat" else 0.021
    for x in rows:
        for y in np.arange(low + 0.06, stop + 0.03, 0.19 if product.garment == "coat" else 0.155):
            canvas.disc((x + 0.005, y + 0.008), radius * 1.15, shift(outfit.palette.main, -0.45))
            canvas.disc((x, y), radius, button)


def _zip(canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng) -> None:
    slant = 0.16 if product.archetype == "punk" and product.garment == "jacket" else 0.0
    stop = cut.hem if product.garment in ("jacket", "hoodie") else cut.waist_height
    way = points((slant, low), (0.0, stop))
    canvas.line(way, shift(outfit.palette.main, -0.45), 0.05)
    canvas.line(way, (188, 190, 196), 0.022)
    canvas.fill(
        points(
            (slant - 0.02, low),
            (slant + 0.02, low),
            (slant + 0.014, low + 0.1),
            (slant - 0.014, low + 0.1),
        ),
        (214, 214, 220),
    )


def _pocket(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    cloth = "main" if rng.random() < 0.75 else "trim"
    if product.garment == "hoodie":
        shape = points((-0.22, 1.0), (0.22, 1.0), (0.32, 1.3), (-0.32, 1.3))
        canvas.paint(Piece(shape, cloth, 4, lift=0.015), outfit.cloths[cloth])
        return
    if product.garment in ("coat", "jacket", "jumpsuit", "dress"):
        y = min(cut.waist_height + 0.22, cut.hem - 0.3)
        shape = points((0.16, y), (0.36, y - 0.02), (0.36, y + 0.2), (0.16, y + 0.2))
        both = [shape, mirror(shape)]
    else:
        y = rng.uniform(0.56, 0.64)
        both = [points((0.13, y), (0.31, y), (0.31, y + 0.17), (0.22, y + 0.23), (0.13, y + 0.17))]
    for shape in both:
        canvas.paint(Piece(shape, cloth, 4, lift=0.012), outfit.cloths[cloth])
        canvas.line(shape[:2] + np.array([0, 0.035]), shift(outfit.palette.main, -0.35), 0.01)


def _bow(canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng) -> None:
    y = low + 0.03 if rng.random() < 0.7 or cut.hem < 1.2 else cut.waist_height
    size = rng.uniform(0.14, 0.24)
    cloth = outfit.cloths["trim" if rng.random() < 0.7 else "main"]
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


def _ruffle(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    cloth = outfit.cloths["trim" if rng.random() < 0.3 else "main"]
    if rng.random() < 0.6 or cut.hem < 1.2:
        width = cut.hem_width if cut.hem > 1.3 else cut.waist
        top = points(
            (-width * 0.985, cut.hem - 0.02), (0, cut.hem + 0.03), (width * 0.985, cut.hem - 0.02)
        )
        canvas.paint(_frill(smooth(top, 14), 0.17, rng), cloth)
        if cut.hem > 2.2:
            canvas.paint(_frill(smooth(top * (0.97, 1) - (0, 0.3), 14), 0.15, rng), cloth)
        return
    yoke = smooth(
        points((-cut.chest * 0.92, 0.40), (-0.2, 0.62), (0.2, 0.62), (cut.chest * 0.92, 0.40)), 10
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


def _belt(canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng) -> None:
    y, w = cut.waist_height, cut.waist * 1.015
    deep = rng.uniform(0.05, 0.10)
    shape = np.vstack(
        [
            points((-w, y - deep), (0, y - deep + 0.02), (w, y - deep)),
            points((w, y + deep), (0, y + deep + 0.02), (-w, y + deep)),
        ]
    )
    leather = rng.random() < 0.55
    cloth = outfit.cloths["leather" if leather else "trim"]
    canvas.paint(Piece(shape, "trim", lift=0.015), cloth)
    if leather:
        gold = (206, 172, 92) if product.archetype != "punk" else (196, 198, 204)
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


def _sporty(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    """Print a number, or stripes down the sides."""
    if rng.random() < 0.45 and "zip" not in product.details:
        bars = {0: "012456", 1: "25", 3: "02356", 7: "025", 8: "0123456"}
        digit = int(rng.choice(list(bars)))
        x0, y0, w, h = -0.11, low + 0.2, 0.22, 0.38
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
            canvas.limb(line, outfit.palette.accent, 0.07)
        return
    for x in (0.86, 0.95):
        side = points(
            (cut.chest * x, 0.6), (cut.waist * x, cut.waist_height), (cut.waist * x, cut.hem - 0.02)
        )
        for flip in (lambda p: p, mirror):
            canvas.line(flip(side), outfit.palette.accent, 0.022)


def _romantic(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    """Sew lace to the hem: scallops with little holes."""
    w = (cut.hem_width if cut.hem > 1.3 else cut.waist) * 0.97
    if product.garment == "jumpsuit":
        return
    for x in np.linspace(-w, w, int(w * 18)):
        y = cut.hem + 0.05 * (1 - (x / w) ** 2)
        canvas.disc((x, y), 0.05, shift(outfit.palette.accent, 0.35))
        canvas.disc((x, y + 0.008), 0.015, shift(outfit.palette.main, -0.15))


def _classic(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    """Lend a string of pearls, or a neckerchief."""
    if rng.random() < 0.4:
        at = min(low, 0.30)
        silk = outfit.palette.accent if rng.random() < 0.5 else outfit.palette.third
        loop = smooth(points((-cut.neck, 0.0), (0, at + 0.02), (cut.neck, 0.0)))
        canvas.line(loop, silk, 0.075)
        for way in (-1, 1):
            canvas.fill(points((0, at), (way * 0.16, at + 0.15), (way * 0.06, at + 0.23)), silk)
            canvas.line(points((0, at), (way * 0.10, at + 0.18)), shift(silk, -0.3), 0.012)
        canvas.disc((0, at + 0.01), 0.05, shift(silk, -0.12))
        return
    for turn in np.linspace(0.05, np.pi - 0.05, 19):
        x = float(np.cos(turn)) * (cut.neck + 0.035)
        y = float(np.sin(turn)) * (min(low, 0.4) + 0.06)
        canvas.disc((x + 0.004, y + 0.008), 0.023, shift(outfit.palette.main, -0.4))
        canvas.disc((x, y), 0.021, (244, 238, 226))


def _preppy(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    """Sew a crest on the chest, or tipping above the hem."""
    if rng.random() < 0.6 and "pocket" not in product.details:
        shield = points((0.16, 0.5), (0.3, 0.5), (0.3, 0.6), (0.23, 0.69), (0.16, 0.6))
        canvas.fill(shield, outfit.palette.third)
        canvas.line(np.vstack([shield, shield[:1]]), outfit.palette.accent, 0.018)
        canvas.line(points((0.16, 0.52), (0.29, 0.61)), outfit.palette.accent, 0.022)
        return
    w = (cut.hem_width if cut.hem > 1.3 else cut.waist) * 0.94
    for up, colour in ((0.07, outfit.palette.accent), (0.13, outfit.palette.third)):
        canvas.line(
            smooth(points((-w, cut.hem - up), (0, cut.hem + 0.05 - up), (w, cut.hem - up))),
            colour,
            0.03,
        )


def _bohemian(
    canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng
) -> None:
    """Embroider the yoke, or hang a fringe on the hem."""
    if rng.random() < 0.55:
        for turn in np.linspace(0.15, np.pi - 0.15, 11):
            at = (np.cos(turn) * (cut.neck + 0.1), 0.02 + np.sin(turn) * (low + 0.08))
            canvas.disc(at, 0.035, outfit.palette.accent)
            canvas.disc(at, 0.016, outfit.palette.third)
        canvas.line(points((0.03, low + 0.02), (0.06, low + 0.4)), outfit.palette.accent, 0.014)
        canvas.line(points((-0.03, low + 0.02), (-0.06, low + 0.36)), outfit.palette.accent, 0.014)
        canvas.disc((0.06, low + 0.42), 0.03, outfit.palette.third)
        canvas.disc((-0.06, low + 0.38), 0.03, outfit.palette.third)
        return
    w = (cut.hem_width if cut.hem > 1.3 else cut.waist) * 0.97
    if product.garment == "jumpsuit":
        return
    for x in np.linspace(-w, w, int(w * 34)):
        y = cut.hem + 0.05 * (1 - (x / w) ** 2)
        canvas.line(
            points((x, y - 0.03), (x + rng.normal(0, 0.012), y + 0.15)),
            outfit.palette.accent,
            0.014,
        )


def _punk(canvas: Canvas, product: Product, cut: Cut, outfit: Outfit, low: float, rng: Rng) -> None:
    """Hammer studs into the shoulders, rip the front, close nothing with a safety pin."""
    steel = (208, 210, 216)
    for x in np.linspace(cut.neck + 0.04, cut.shoulder - 0.02, 5):
        for down in (0.07, 0.13):
            y = (x - cut.neck) / (cut.shoulder - cut.neck) * 0.13 + down
            canvas.disc((x, y), 0.018, steel)
            canvas.disc((-x, y), 0.018, steel)
    for _ in range(rng.integers(1, 4)):
        x, y = (
            rng.uniform(-0.25, 0.25),
            rng.uniform(min(low + 0.25, cut.hem - 0.16), cut.hem - 0.08),
        )
        rip = points((x - 0.12, y), (x, y - 0.025), (x + 0.12, y + 0.01), (x, y + 0.03))
        canvas.fill(rip, shift(outfit.palette.main, -0.6))
        canvas.line(rip[[0, 2]], shift(outfit.palette.main, 0.4), 0.008)
    x, y = -0.24, low + 0.25
    canvas.line(
        points((x, y), (x + 0.14, y - 0.05), (x + 0.15, y - 0.02), (x + 0.01, y + 0.03)),
        steel,
        0.012,
    )


Sew = Callable[[Canvas, Product, Cut, Outfit, float, Rng], None]

_DETAILS: dict[str, Sew] = {
    "buttons": _buttons,
    "zip": _zip,
    "pocket": _pocket,
    "bow": _bow,
    "ruffle": _ruffle,
    "belt": _belt,
}
_MARKS: dict[str, Sew] = {
    "classic": _classic,
    "sporty": _sporty,
    "romantic": _romantic,
    "preppy": _preppy,
    "bohemian": _bohemian,
    "punk": _punk,
}
