"""One photo of one product: scene, garment, light and camera."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from longtailor.samples import backgrounds, figures
from longtailor.samples.body import (
    back_piece,
    body_piece,
    collar_pieces,
    hood_opening,
    hood_piece,
    neckline,
)
from longtailor.samples.canvas import SUPERSAMPLING, Canvas, Piece
from longtailor.samples.cut import Cut, cut_of, hold_arms
from longtailor.samples.details import sew_details
from longtailor.samples.garment import Garment
from longtailor.samples.geometry import Frame, Points
from longtailor.samples.marks import leave_mark
from longtailor.samples.outfit import Outfit, outfit_of
from longtailor.samples.product import Product
from longtailor.samples.sleeves import ArmCurves, arm_curves, sleeve_pieces

Rng = np.random.Generator

_SCENES = {"studio": 0.24, "worn": 0.30, "form": 0.12, "hanger": 0.15, "flat": 0.19}
# Sleeves, or bare arms, that the body overlaps.
_BEHIND = ("sleeveless", "cap", "puff")
# How much of the arm a sleeve surely covers.
_COVERED = {
    "short": 0.26,
    "puff": 0.27,
    "raglan": 0.34,
    "three_quarter": 0.58,
    "bell": 0.58,
    "long": 0.86,
}


def draw_photo(product: Product, seed: int, size: int) -> Image.Image:
    """Draw the photo of a product.

    Parameters
    ----------
    product : Product
    seed : int
        With the product's index it fixes every choice that the attributes leave open.
    size : int
        Pixels along each side.

    Returns
    -------
    Image
        RGB, `size` by `size`.
    """
    rng = np.random.default_rng((seed, 3, product.index))
    scene = str(rng.choice(list(_SCENES), p=list(_SCENES.values())))
    cut = cut_of(product, rng)
    arms = hold_arms(scene == "flat", rng)
    ease = rng.uniform(0.95, 1.12) * (
        1.12 if product.garment in ("coat", "hoodie", "sweater") else 1.0
    )
    right, left = (arm_curves(cut, arm, ease) for arm in arms)
    style = "contrast" if rng.random() < 0.07 else "main"
    cutting = int(rng.integers(2**32))
    sleeves = {
        side: sleeve_pieces(
            product.sleeve, cut, curves, side == "left", style, np.random.default_rng(cutting)
        )
        for side, curves in (("right", right), ("left", left))
    }
    front = neckline(product.neckline, cut, rng)
    body = body_piece(product, cut, front, rng)
    px = size * SUPERSAMPLING
    outlines = [body.outline, *(p.outline for pieces in sleeves.values() for p in pieces)]
    frame = _frame(np.vstack(outlines), px, scene, rng)
    canvas = Canvas(_background(scene, px, rng), frame, float(rng.choice([-1.0, 1.0])))
    outfit = outfit_of(product, round(px * 1.2), frame.scale, rng)
    _cast_shadow(canvas, outlines, scene, rng)
    _dress(canvas, product, cut, front, body, sleeves, (right, left), outfit, scene, rng)
    return _expose(canvas.image, size, rng)


def _frame(outline: Points, px: int, scene: str, rng: Rng) -> Frame:
    """Fit the garment into the picture, more or less well."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    if scene in ("worn", "hanger", "form"):
        low = low - (0, rng.uniform(0.2, 0.75) if scene == "worn" else 0.42)
    extent = float(max(high - low))
    scale = px * rng.uniform(0.80, 1.0) / extent
    turn = rng.normal(0, 0.10) if scene == "flat" else rng.normal(0, 0.03)
    middle = (low + high) / 2
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    shift = rng.normal(0, 0.02, 2) * px
    return Frame(
        scale,
        float(turn),
        (
            float(px / 2 - middle[0] * cos + middle[1] * sin + shift[0]),
            float(px / 2 - middle[0] * sin - middle[1] * cos + shift[1]),
        ),
    )


def _background(scene: str, px: int, rng: Rng) -> Image.Image:
    if scene == "flat":
        return backgrounds.table(px, rng)
    if scene == "hanger":
        return backgrounds.wall(px, rng)
    if scene in ("worn", "form") and rng.random() < 0.6:
        return backgrounds.room(px, rng)
    return backgrounds.studio(px, rng)


def _cast_shadow(canvas: Canvas, outlines: list[Points], scene: str, rng: Rng) -> None:
    near = {"flat": (3, 4, 3, 0.42), "hanger": (5, 5, 5, 0.30), "worn": (8, 6, 9, 0.16)}
    across, down, blur, strength = near.get(scene, (4, 6, 8, 0.15))
    canvas.cast_shadow(outlines, (-across * canvas.light, down), blur, strength)


def _dress(
    canvas: Canvas,
    product: Product,
    cut: Cut,
    front: Points,
    body: Piece,
    sleeves: dict[str, list[Piece]],
    arms: tuple[ArmCurves, ArmCurves],
    outfit: Outfit,
    scene: str,
    rng: Rng,
) -> None:
    """Paint from back to front."""

    def paint(*pieces: Piece) -> None:
        for piece in pieces:
            canvas.paint(piece, outfit.cloths[piece.cloth])

    wearer = figures.Wearer(rng) if scene == "worn" else None
    if wearer:
        wearer.behind(canvas, cut, product.garment in ("dress", "coat", "jumpsuit"))
    if product.neckline == "hood":
        paint(hood_piece(cut), hood_opening(cut))
    if scene == "form":
        figures.dress_form(canvas, cut, rng)
    else:
        paint(back_piece(cut, front))
    if scene == "hanger":
        figures.hanger(canvas, cut, rng)
    if wearer:
        wearer.neck_and_head(canvas, cut)

    def dress_arms() -> None:
        for (side, pieces), curves in zip(sleeves.items(), arms, strict=True):
            if wearer:
                covered = _COVERED.get(product.sleeve, 0.0)
                wearer.arm(canvas, curves, left=side == "left", covered=covered)
            paint(*pieces)

    if product.sleeve in _BEHIND:
        dress_arms()
    paint(body)
    if product.sleeve not in _BEHIND:
        dress_arms()
    paint(*collar_pieces(product, cut, front, rng))
    lapels = product.garment in ("coat", "jacket")
    opening = max(float(front[:, 1].max()), 0.75 if lapels else 0.0)
    sewn = Garment(product, cut, outfit, opening)
    sew_details(canvas, sewn, rng)
    leave_mark(canvas, sewn, rng)


def _expose(image: Image.Image, size: int, rng: Rng) -> Image.Image:
    """Light the scene, then look at it through an ordinary camera."""
    small = 24
    y, x = np.mgrid[0:small, 0:small] / (small - 1) - 0.5
    turn = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(turn) * x + np.sin(turn) * y) * rng.uniform(0, 44)
    vignette = (x**2 + y**2) * rng.uniform(0, 38)
    light = Image.fromarray(
        np.clip(140 + slope - vignette + rng.normal(0, 7), 40, 220).astype(np.uint8)
    )
    photo = image.reduce(SUPERSAMPLING)
    light = light.resize((size, size), Image.Resampling.BICUBIC)
    photo = ImageChops.hard_light(photo, Image.merge("RGB", (light,) * 3))
    if rng.random() < 0.3:
        photo = photo.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9) * size / 224))
    tint = rng.normal(1, 0.025, 3).astype(np.float32)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * np.float32(rng.uniform(0.5, 4))
    pixels = np.asarray(photo, dtype=np.float32) * tint + grain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
