"""Where the photo was taken: a studio, a room, a rail, a table."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from longtailor.samples.geometry import Points, ellipse, points, smooth
from longtailor.samples.palettes import Colour, jitter, shift

Rng = np.random.Generator

_WALLS: tuple[Colour, ...] = (
    (240, 238, 234), (228, 222, 212), (206, 214, 212), (216, 200, 194),
    (196, 206, 220), (226, 214, 186), (186, 178, 172), (154, 166, 160), (112, 116, 126),
)  # fmt: skip
_TABLES: tuple[Colour, ...] = ((196, 156, 112), (150, 110, 78), (222, 200, 170), (112, 84, 66))


def studio(px: int, rng: Rng) -> Image.Image:
    """Hang a plain sweep of paper, white or tinted, lit from somewhere."""
    base = (
        (250, 250, 249) if rng.random() < 0.4 else jitter(_WALLS[rng.integers(len(_WALLS))], rng, 6)
    )
    small = 32
    y, x = np.mgrid[0:small, 0:small] / (small - 1) - rng.uniform(0.2, 0.8, (2, 1, 1))
    fall = np.hypot(x, y * rng.uniform(0.5, 1))[..., None] * rng.uniform(0, 0.30)
    paper = np.clip(np.array(base) * (1 - fall), 0, 255).astype(np.uint8)
    return Image.fromarray(paper).resize((px, px), Image.Resampling.BILINEAR)


def room(px: int, rng: Rng) -> Image.Image:
    """Build a wall and a floor, with a plant, a picture or a window's light."""
    wall = jitter(_WALLS[rng.integers(len(_WALLS))], rng, 7)
    floor = jitter(
        _TABLES[rng.integers(len(_TABLES))] if rng.random() < 0.6 else shift(wall, -0.25), rng, 6
    )
    image = Image.new("RGB", (px, px), wall)
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.3:
        for x in np.arange(rng.uniform(0, 0.1), 1, rng.uniform(0.09, 0.16)):
            draw.line([(x * px, 0), (x * px, px)], fill=shift(wall, -0.07), width=max(1, px // 220))
    horizon = rng.uniform(0.72, 0.93) * px
    draw.rectangle((0, horizon, px, px), fill=floor)
    draw.rectangle((0, horizon - px * 0.025, px, horizon), fill=shift(wall, 0.45))
    if rng.random() < 0.45:
        _plant(
            draw,
            rng.choice([0.08, 0.92]) * px,
            horizon + 0.06 * px,
            px * rng.uniform(0.8, 1.2),
            rng,
        )
    if rng.random() < 0.35:
        _picture(draw, rng.choice([0.14, 0.86]) * px, rng.uniform(0.16, 0.3) * px, px, rng)
    if rng.random() < 0.22:
        fur: Colour = ((60, 58, 62), (206, 140, 80), (140, 140, 146))[rng.integers(3)]
        sitting_cat(draw, rng.choice([0.15, 0.85]) * px, horizon + 0.07 * px, 0.075 * px, fur)
    if rng.random() < 0.35:
        image = _window_light(image, rng)
    return image.filter(ImageFilter.BoxBlur(px / 224 * rng.uniform(0, 1.2)))


def wall(px: int, rng: Rng) -> Image.Image:
    """Build a wall behind a clothes rail: paint, boards or bricks."""
    base = jitter(_WALLS[rng.integers(len(_WALLS))], rng, 7)
    image = Image.new("RGB", (px, px), base)
    draw = ImageDraw.Draw(image)
    kind = rng.choice(["paint", "boards", "bricks"], p=[0.5, 0.25, 0.25])
    line = max(1, px // 200)
    if kind == "boards":
        for x in np.arange(0, px, px * rng.uniform(0.1, 0.18)):
            draw.line([(x, 0), (x, px)], fill=shift(base, -0.16), width=line)
    if kind == "bricks":
        high, long = px * 0.055, px * 0.15
        for row in range(20):
            for column in range(-1, 8):
                x, y = (column + (row % 2) / 2) * long, row * high
                brick = shift(base, rng.uniform(-0.14, 0.02))
                draw.rectangle((x, y, x + long - 2 * line, y + high - 2 * line), fill=brick)
    return image.filter(ImageFilter.BoxBlur(px / 224 * rng.uniform(0.2, 1.2)))


def table(px: int, rng: Rng) -> Image.Image:
    """Find something to lay a garment on: planks, linen or marble, and things left lying about."""
    kind = rng.choice(["planks", "linen", "marble"], p=[0.45, 0.3, 0.25])
    if kind == "planks":
        image = _planks(px, rng)
    elif kind == "linen":
        base = jitter(
            ((226, 218, 204), (204, 206, 200), (168, 176, 186), (232, 208, 200))[rng.integers(4)],
            rng,
            5,
        )
        weave = rng.normal(0, 3.5, (px // 2, 1, 1)) + rng.normal(0, 3.5, (1, px // 2, 1))
        image = Image.fromarray(np.clip(np.array(base) + weave, 0, 255).astype(np.uint8)).resize(
            (px, px), Image.Resampling.NEAREST
        )
    else:
        image = _marble(px, rng)
    draw = ImageDraw.Draw(image)
    corners = rng.permutation(4)
    for corner, prop in zip(corners, rng.permutation(5)[: rng.integers(0, 3)], strict=False):
        x = (0.09 if corner % 2 else 0.91) * px + rng.normal(0, 0.02) * px
        y = (0.10 if corner < 2 else 0.90) * px + rng.normal(0, 0.02) * px
        (_cup, _leaf, _glasses, _yarn, _paw)[prop](draw, x, y, px, rng)
    return image


def _planks(px: int, rng: Rng) -> Image.Image:
    base = jitter(_TABLES[rng.integers(len(_TABLES))], rng, 6)
    half = px // 2
    grain = Image.fromarray(
        (128 + 26 * np.clip(rng.normal(0, 1, (half // 16 + 2, half)), -3, 3)).astype(np.uint8)
    )
    grain = grain.resize((half, half), Image.Resampling.BILINEAR).filter(ImageFilter.BoxBlur(0.7))
    tone = (np.asarray(grain, dtype=np.float64)[..., None] - 128) * 0.35
    wood = Image.fromarray(np.clip(np.array(base) + tone, 0, 255).astype(np.uint8))
    wood = wood.resize((px, px), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(wood)
    for x in np.arange(rng.uniform(0, 0.2) * px, px, px * rng.uniform(0.16, 0.26)):
        draw.line([(x, 0), (x, px)], fill=shift(base, -0.4), width=max(1, px // 180))
    return wood if rng.random() < 0.5 else wood.transpose(Image.Transpose.ROTATE_90)


def _marble(px: int, rng: Rng) -> Image.Image:
    image = Image.new("RGB", (px, px), jitter((236, 235, 233), rng, 4))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 9)):
        start = rng.uniform(-0.2, 1.2, 2)
        steps = np.cumsum(rng.normal(0.06, 0.09, (10, 2)), axis=0)
        vein = smooth((start + steps) * px, 4)
        draw.line(list(map(tuple, vein)), fill=(206, 206, 210), width=max(1, px // 110))
    return image.filter(ImageFilter.BoxBlur(px / 200))


def _plant(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    leaf = jitter((84, 126, 92), rng)
    for turn in np.linspace(-0.9, 0.9, 7):
        tip = np.array([x + np.sin(turn) * 0.17 * px, y - 0.12 * px - np.cos(turn) * 0.24 * px])
        foot, side = np.array([x, y - 0.1 * px]), np.array([np.cos(turn), np.sin(turn)]) * 0.03 * px
        shape = smooth(
            [
                tuple(foot),
                tuple((tip + foot) / 2 + side),
                tuple(tip),
                tuple((tip + foot) / 2 - side),
                tuple(foot),
            ]
        )
        draw.polygon(list(map(tuple, shape)), fill=shift(leaf, rng.uniform(-0.2, 0.2)))
    pot = [
        (x - 0.07 * px, y - 0.12 * px),
        (x + 0.07 * px, y - 0.12 * px),
        (x + 0.05 * px, y),
        (x - 0.05 * px, y),
    ]
    draw.polygon(pot, fill=jitter((202, 120, 84), rng))


def _picture(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    w, h = rng.uniform(0.07, 0.11, 2) * px
    draw.rectangle(
        (x - w, y - h, x + w, y + h),
        fill=(252, 251, 248),
        outline=(90, 78, 70),
        width=max(2, int(px // 110)),
    )
    draw.pieslice(
        (x - w * 0.6, y - h * 0.5, x + w * 0.6, y + h),
        180,
        360,
        fill=jitter((214, 120, 90), rng, 20),
    )


def sitting_cat(draw: ImageDraw.ImageDraw, x: float, y: float, unit: float, fur: Colour) -> None:
    """Let a cat sit with its back to us, its feet at (x, y), about 2.5 units high."""

    def at(shape: Points) -> list[tuple[float, float]]:
        return [(x + a * unit, y + b * unit) for a, b in shape]

    back = points((-0.8, 0), (-0.75, -0.9), (-0.25, -1.5), (0.25, -1.5), (0.75, -0.9), (0.8, 0))
    draw.polygon(at(smooth(back)), fill=fur)
    draw.polygon(at(ellipse((0, -1.75), 0.5, 0.45)), fill=fur)
    for side in (-1, 1):
        ear = points((side * 0.1, -2.1), (side * 0.42, -2.5), (side * 0.5, -1.8))
        draw.polygon(at(ear), fill=fur)
    tail = smooth(points((0.6, -0.1), (1.2, -0.15), (1.4, -0.7), (1.2, -1.0)))
    draw.line(at(tail), fill=fur, width=round(unit * 0.26), joint="curve")


def _window_light(image: Image.Image, rng: Rng) -> Image.Image:
    px = image.width
    light = Image.new("L", (px // 4, px // 4), 0)
    draw = ImageDraw.Draw(light)
    x, y, w = rng.uniform(0.05, 0.5) * px / 4, rng.uniform(0.05, 0.3) * px / 4, 0.13 * px / 4
    for column in (0, 1):
        for row in (0, 1):
            left, top = x + column * w * 1.2, y + row * w * 1.7 + column * w * 0.4
            draw.polygon(
                [
                    (left, top),
                    (left + w, top + w * 0.4),
                    (left + w, top + w * 1.9),
                    (left, top + w * 1.5),
                ],
                fill=70,
            )
    light = light.filter(ImageFilter.BoxBlur(1)).resize((px, px), Image.Resampling.BILINEAR)
    image.paste((255, 248, 226), (0, 0), light)
    return image


def _cup(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    for radius, colour in (
        (0.085, (244, 242, 238)),
        (0.065, (222, 220, 216)),
        (0.055, (250, 249, 246)),
        (0.045, (112, 72, 46)),
    ):
        r = radius * px
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _leaf(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    turn, leaf = rng.uniform(0, 2 * np.pi), jitter((110, 140, 100), rng)
    stem = np.array([np.cos(turn), np.sin(turn)])
    side = np.array([-stem[1], stem[0]])
    for at in np.linspace(-0.1, 0.1, 5):
        for way in (-1, 1):
            foot = np.array([x, y]) + stem * at * px
            tip = foot + (stem * 0.4 + side * way) * 0.07 * px
            middle = (foot + tip) / 2 + stem * 0.02 * px
            draw.polygon(
                [
                    tuple(foot),
                    tuple(middle),
                    tuple(tip),
                    tuple((foot + tip) / 2 - stem * 0.01 * px),
                ],
                fill=leaf,
            )


def _glasses(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    r, dark = 0.042 * px, (44, 40, 42)
    for way in (-1, 1):
        draw.ellipse(
            (x + way * 0.055 * px - r, y - r, x + way * 0.055 * px + r, y + r),
            fill=(92, 84, 86),
            outline=dark,
            width=max(2, int(px / 110)),
        )
    draw.line([(x - 0.015 * px, y), (x + 0.015 * px, y)], fill=dark, width=max(2, int(px / 110)))


def _yarn(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    wool, r = (
        jitter(((204, 90, 90), (90, 130, 160), (222, 176, 84))[rng.integers(3)], rng),
        0.07 * px,
    )
    draw.line(
        list(
            map(
                tuple,
                smooth(
                    [
                        (x, y),
                        (x + r * 1.5, y + r),
                        (x + r * 0.8, y + r * 2),
                        (x + r * 2.4, y + r * 2.2),
                    ]
                ),
            )
        ),
        fill=wool,
        width=max(2, int(px / 120)),
    )
    draw.ellipse((x - r, y - r, x + r, y + r), fill=wool)
    for start in range(0, 180, 36):
        draw.arc(
            (x - r * 0.8, y - r, x + r * 0.8, y + r),
            start,
            start + 120,
            fill=shift(wool, -0.25),
            width=max(1, int(px / 200)),
        )


def _paw(draw: ImageDraw.ImageDraw, x: float, y: float, px: float, rng: Rng) -> None:
    """Let a cat's paw reach in from the nearer edge."""
    fur: Colour = ((64, 62, 66), (214, 150, 90), (236, 230, 220))[rng.integers(3)]
    edge = -0.1 * px if x < px / 2 else 1.1 * px
    draw.line([(edge, y), (x, y)], fill=fur, width=int(0.10 * px))
    r = 0.058 * px
    draw.ellipse((x - r, y - r, x + r, y + r), fill=fur)
    way = 1 if x < px / 2 else -1
    for down in (-0.026, 0.0, 0.026):
        draw.line(
            [(x + way * r * 0.4, y + down * px), (x + way * r * 0.95, y + down * px)],
            fill=shift(fur, -0.3),
            width=max(1, int(px / 200)),
        )
