"""Cloth: square images of plain and patterned fabric."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from longtailor.samples.canvas import Cloth
from longtailor.samples.geometry import ellipse
from longtailor.samples.palettes import Colour, Palette, shift

Rng = np.random.Generator


def weave(pattern: str, palette: Palette, side: int, unit: float, rng: Rng) -> Cloth:
    """Draw a square of cloth.

    Parameters
    ----------
    pattern : str
        A value of the attribute `pattern`.
    palette : Palette
    side : int
        Pixels along each side.
    unit : float
        Pixels that one garment unit takes, so that prints shrink with the garment.
    rng : Generator

    Returns
    -------
    Image or tuple
        RGB, `side` by `side`, or one colour if nothing is to be seen on the cloth.
    """
    thread = str(rng.choice(["smooth", "linen", "rib"], p=[0.6, 0.22, 0.18]))
    if pattern == "plain" and thread == "smooth":
        return palette.main
    cloth = _PATTERNS[pattern](palette, side, unit, rng)
    return cloth if thread == "smooth" else _threaded(cloth, thread, rng)


def _threaded(cloth: Image.Image, kind: str, rng: Rng) -> Image.Image:
    """Lay threads over the cloth: a faint linen or rib."""
    side = cloth.width
    if kind == "linen":
        rough = rng.normal(128, 6, (side, 1)) + rng.normal(0, 6, (1, side))
    else:
        period = rng.uniform(5, 9) * side / 640
        rough = np.broadcast_to(
            128 + 8 * np.sin(np.arange(side) * 2 * np.pi / period)[None, :], (side, side)
        )
    threads = Image.fromarray(np.clip(rough, 0, 255).astype(np.uint8))
    return ImageChops.overlay(cloth, Image.merge("RGB", (threads,) * 3))


def _plain(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    return Image.new("RGB", (side, side), palette.main)


def _stripes(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    cloth = _plain(palette, side, unit, rng)
    draw = ImageDraw.Draw(cloth)
    period = unit * rng.uniform(0.07, 0.26)
    width = period * rng.uniform(0.2, 0.5)
    upright = rng.random() < 0.3
    third = palette.third if rng.random() < 0.3 else palette.accent
    for number, at in enumerate(np.arange(rng.uniform(0, period), side, period)):
        colour = palette.accent if number % 2 else third
        box = (at, 0, at + width, side) if upright else (0, at, side, at + width)
        draw.rectangle(box, fill=colour)
    return cloth


def _checks(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    period = max(8, round(unit * rng.uniform(0.11, 0.30)))
    kind = rng.choice(["gingham", "tartan", "windowpane"], p=[0.4, 0.4, 0.2])
    tile = np.zeros((period, period, 3))
    tile[:] = palette.main
    at = np.arange(period)
    if kind == "gingham":
        band = (at < period / 2).astype(float)
        mix = (band[:, None] + band[None, :])[..., None] / 2
        tile = tile * (1 - mix) + np.array(palette.accent) * mix
    else:
        widths = [(0.1, 0.42, palette.accent), (0.6, 0.66, palette.third)]
        if kind == "windowpane":
            widths = [(0.44, 0.54, palette.accent)]
        for start, stop, colour in widths:
            band = ((at >= start * period) & (at < stop * period)).astype(float) * 0.55
            for mix in (band[:, None, None], band[None, :, None]):
                tile = tile * (1 - mix) + np.array(colour) * mix
    times = side // period + 1
    whole = np.tile(tile.astype(np.uint8), (times, times, 1))[:side, :side]
    cloth = Image.fromarray(np.ascontiguousarray(whole))
    if rng.random() < 0.15:
        return _turned(cloth, 45)
    return cloth


def _argyle(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    cloth = _plain(palette, side, unit, rng)
    draw = ImageDraw.Draw(cloth)
    w = unit * rng.uniform(0.11, 0.17)
    h = w * rng.uniform(1.3, 1.8)
    line = max(1, round(unit * 0.008))
    for row in range(int(side / h) + 2):
        for column in range(int(side / w / 2) + 2):
            x, y = column * 2 * w + (row % 2) * w, row * h
            fill = palette.accent if row % 2 else shift(palette.main, 0.25)
            draw.polygon([(x, y - h), (x + w, y), (x, y + h), (x - w, y)], fill=fill)
    for start in np.arange(-side, 2 * side, 2 * w):
        run = side * w / h
        draw.line([(start, 0), (start + run, side)], fill=palette.third, width=line)
        draw.line([(start, 0), (start - run, side)], fill=palette.third, width=line)
    return cloth


def _zigzag(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    cloth = _plain(palette, side, unit, rng)
    draw = ImageDraw.Draw(cloth)
    period = unit * rng.uniform(0.12, 0.24)
    step = period * rng.uniform(0.5, 0.9)
    x = np.arange(-step, side + 2 * step, step)
    for number, y in enumerate(np.arange(-period, side + period, period)):
        zigzag = y + np.where(np.arange(len(x)) % 2, 0, step * 0.8)
        colour = (palette.accent, palette.third, palette.accent, shift(palette.main, -0.2))
        draw.line(
            list(zip(x.tolist(), zigzag.tolist(), strict=True)),
            fill=colour[number % 4],
            width=max(2, round(period * 0.33)),
            joint="curve",
        )
    return cloth


def _tie_dye(palette: Palette, side: int, unit: float, rng: Rng) -> Image.Image:
    small = 160
    y, x = np.mgrid[0:small, 0:small] / small - rng.uniform(0.4, 0.6, (2, 1, 1))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    ripple = np.sin(radius * rng.uniform(26, 44) + angle * rng.integers(1, 5))
    ripple += 0.5 * np.sin(angle * 9 + radius * 20)
    mix = np.clip(0.5 + 0.5 * ripple, 0, 1)[..., None]
    far = np.clip(np.sin(radius * 9)[..., None], 0, 1) * 0.7
    colours = np.array(palette.main) * (1 - mix) + np.array(palette.accent) * mix
    colours = colours * (1 - far) + np.array(palette.third) * far
    cloth = Image.fromarray(colours.astype(np.uint8))
    return cloth.filter(ImageFilter.GaussianBlur(1)).resize((side, side), Image.Resampling.BICUBIC)


Motif = Callable[[ImageDraw.ImageDraw, float, Palette, Rng], None]


def _scatter(
    motif: Motif, low: float, high: float, palette: Palette, side: int, unit: float, rng: Rng
) -> Image.Image:
    """Paste a handful of variants of a motif on a shaken, staggered grid."""
    cloth = _plain(palette, side, unit, rng)
    radius = unit * rng.uniform(low, high)
    box = 2 * int(radius * 1.3) + 1
    stamps = []
    for _ in range(4):
        stamp = Image.new("RGBA", (box * 2, box * 2), (*palette.main, 0))
        motif(ImageDraw.Draw(stamp), float(box), palette, rng)
        stamp = stamp.rotate(rng.uniform(-25, 25), Image.Resampling.BILINEAR)
        stamp = stamp.resize((box, box), Image.Resampling.BOX)
        stamps.append((stamp.convert("RGB"), stamp.getchannel("A")))
    gap = radius * rng.uniform(2.3, 3.6)
    shake = gap * rng.choice([0.02, 0.16])
    for row in range(int(side / gap) + 2):
        for column in range(int(side / gap) + 2):
            x = (column + (row % 2) / 2) * gap + rng.normal(0, shake) - box / 2
            y = row * gap * 0.87 + rng.normal(0, shake) - box / 2
            print_, shape = stamps[rng.integers(4)]
            cloth.paste(print_, (int(x), int(y)), shape)
    return cloth


def _dot(draw: ImageDraw.ImageDraw, c: float, palette: Palette, rng: Rng) -> None:
    draw.polygon(list(map(tuple, ellipse((c, c), c * 0.72, c * 0.72))), fill=palette.accent)


def _flower(draw: ImageDraw.ImageDraw, c: float, palette: Palette, rng: Rng) -> None:
    leaf, petal = shift(palette.third, -0.1), palette.accent
    if rng.random() < 0.35:
        petal = shift(palette.accent, 0.4)
    for turn in rng.uniform(0, 2 * np.pi, 2):
        tip = np.array([np.cos(turn), np.sin(turn)])
        side = np.array([-tip[1], tip[0]])
        shape = c + c * np.array(
            [tip * 0.3, tip * 0.65 + side * 0.16, tip * 0.98, tip * 0.65 - side * 0.16]
        )
        draw.polygon(list(map(tuple, shape)), fill=leaf)
    petals = int(rng.integers(5, 8))
    for number in range(petals):
        angle = number * 2 * np.pi / petals
        at = (c + 0.36 * c * np.cos(angle), c + 0.36 * c * np.sin(angle))
        draw.polygon(list(map(tuple, ellipse(at, 0.27 * c, 0.27 * c, 16))), fill=petal)
    draw.polygon(list(map(tuple, ellipse((c, c), 0.2 * c, 0.2 * c, 16))), fill=_heart_of(palette))


def _heart_of(palette: Palette) -> Colour:
    return (246, 208, 92) if sum(palette.accent) < 600 else shift(palette.third, 0.1)


def _star(draw: ImageDraw.ImageDraw, c: float, palette: Palette, rng: Rng) -> None:
    angle = np.arange(10) * np.pi / 5 - np.pi / 2
    radius = np.where(np.arange(10) % 2, 0.38, 0.95) * c
    draw.polygon(
        list(map(tuple, np.column_stack([c + radius * np.cos(angle), c + radius * np.sin(angle)]))),
        fill=palette.accent,
    )


def _cat(draw: ImageDraw.ImageDraw, c: float, palette: Palette, rng: Rng) -> None:
    """Draw a cat's face; one in three winks."""
    fur, eyes = palette.accent, palette.main
    draw.polygon(list(map(tuple, ellipse((c, 1.1 * c), 0.72 * c, 0.58 * c))), fill=fur)
    for side in (-1, 1):
        ear = [(0.70, 0.95), (0.66, 0.28), (0.20, 0.62)]
        draw.polygon([(c + side * x * c, y * c) for x, y in ear], fill=fur)
        x, y, r = c + side * 0.28 * c, 1.05 * c, 0.10 * c
        if side > 0 and rng.random() < 1 / 3:
            draw.line([(x - r, y), (x + r, y)], fill=eyes, width=max(1, round(c * 0.07)))
        else:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=eyes)
        for tilt in (-0.08, 0.08):
            whiskers = [(c + side * 0.25 * c, 1.3 * c), (c + side * 0.62 * c, (1.3 + tilt) * c)]
            draw.line(whiskers, fill=eyes, width=max(1, round(c * 0.04)))
    draw.polygon([(0.91 * c, 1.2 * c), (1.09 * c, 1.2 * c), (c, 1.31 * c)], fill=palette.third)


def _turned(cloth: Image.Image, angle: float) -> Image.Image:
    """Turn a cloth without letting its corners show."""
    side = cloth.width
    twice = Image.new("RGB", (2 * side, 2 * side))
    for x in (0, side):
        for y in (0, side):
            twice.paste(cloth, (x, y))
    half = side // 2
    return twice.rotate(angle, Image.Resampling.BILINEAR).crop(
        (half, half, half + side, half + side)
    )


def _scattered(motif: Motif, low: float, high: float) -> Callable[..., Image.Image]:
    return lambda *arguments: _scatter(motif, low, high, *arguments)


_PATTERNS: dict[str, Callable[[Palette, int, float, Rng], Image.Image]] = {
    "plain": _plain,
    "stripes": _stripes,
    "checks": _checks,
    "argyle": _argyle,
    "zigzag": _zigzag,
    "tie_dye": _tie_dye,
    "dots": _scattered(_dot, 0.03, 0.085),
    "floral": _scattered(_flower, 0.06, 0.14),
    "stars": _scattered(_star, 0.05, 0.11),
    "cats": _scattered(_cat, 0.11, 0.16),
}
