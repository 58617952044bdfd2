"""Painting cloth with light on it, at twice the size of the photo."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from longtailor.samples.geometry import Frame, Points, normals, resample
from longtailor.samples.palettes import Colour, shift

SUPERSAMPLING = 2

# A plain cloth is just its colour.
Cloth = Image.Image | Colour


@dataclass(frozen=True)
class Fold:
    """A soft line of shadow (`tone` < 0) or light (> 0) across a piece of cloth."""

    curve: Points
    tone: float
    width: float = 0.035


@dataclass(frozen=True)
class Piece:
    """A piece of a garment in garment units.

    Attributes
    ----------
    outline : ndarray, shape (points, 2)
    cloth : str
        Which of the outfit's cloths it is cut from.
    grain : float
        Turn of the cloth in degrees, counter-clockwise.
    folds : sequence of Fold
    seam : bool
        Whether a thin darker line runs round it.
    lift : float
        How far its shadow falls on what lies behind, in garment units; 0 for none.
    """

    outline: Points
    cloth: str
    grain: float = 0.0
    folds: Sequence[Fold] = field(default_factory=tuple)
    seam: bool = True
    lift: float = 0.02


class Canvas:
    """An RGB image of `px` by `px`, `SUPERSAMPLING` times the photo, that pieces are painted on.

    `frame` maps garment units to pixels, `dot` is the width of a pixel of a 224 px photo.
    """

    def __init__(self, image: Image.Image, frame: Frame, light: float) -> None:
        self.image = image
        self.frame = frame
        self.light = light
        self.px = image.width
        self.dot = image.width / 224
        self.draw = ImageDraw.Draw(image)

    def fill(self, outline: Points, colour: Colour) -> None:
        """Fill a flat shape."""
        self.draw.polygon(self.frame(outline), fill=colour)

    def line(self, curve: Points, colour: Colour, width: float) -> None:
        """Draw a line `width` garment units wide."""
        width_px = max(1, round(width * self.frame.scale))
        at = self.frame(curve)
        self.draw.line(at, fill=colour, width=width_px, joint="curve")

    def limb(self, curve: Points, colour: Colour, width: float) -> None:
        """Draw a line with smooth bends and a round far end."""
        bend = resample(curve, 12)
        side = normals(bend) * (width / 2)
        self.fill(np.vstack([bend + side, (bend - side)[::-1]]), colour)
        self.disc((float(bend[-1, 0]), float(bend[-1, 1])), width / 2, colour)

    def disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        """Draw a small disc: a button, a stud, an eye."""
        (x, y), r = self.frame(np.array([centre]))[0], radius * self.frame.scale
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def cast_shadow(
        self, outlines: Sequence[Points], offset: tuple[float, float], blur: float, strength: float
    ) -> None:
        """Let shapes together cast a shadow; offset and blur in pixels of a 224 px photo."""
        # A shadow is soft: half the pixels are enough.
        shadow = Image.new("L", (self.px // 2, self.px // 2))
        pen = ImageDraw.Draw(shadow)
        dx, dy = (step * self.dot for step in offset)
        for outline in outlines:
            pen.polygon([((x + dx) / 2, (y + dy) / 2) for x, y in self.frame(outline)], fill=255)
        shadow = shadow.filter(ImageFilter.BoxBlur(blur * self.dot / 2))
        dark = _doubled(shadow.point(_dimming(strength)), self.image.size)
        self.image.paste(ImageChops.multiply(self.image, dark))

    def paint(self, piece: Piece, cloth: Cloth) -> None:
        """Paint a piece: its shadow, its cloth, its folds and the roundness of its edges."""
        xs, ys = zip(*self.frame(piece.outline), strict=True)
        margin = round(10 * self.dot)
        left, top = max(0, int(min(xs)) - margin), max(0, int(min(ys)) - margin)
        right = min(self.px, int(max(xs)) + margin + 2)
        bottom = min(self.px, int(max(ys)) + margin + 2)
        size = (right - left, bottom - top)
        if min(size) < 4:
            return

        def local(curve: Points, shrink: int = 1) -> list[tuple[float, float]]:
            return [((x - left) / shrink, (y - top) / shrink) for x, y in self.frame(curve)]

        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon(local(piece.outline), fill=255)
        # What is soft needs half the pixels: shadow, folds, roundness.
        half = mask.reduce(2)
        behind = self.image.crop((left, top, right, bottom))
        if piece.lift:
            dark = _doubled(self._drop_shadow(half, piece.lift), size)
            behind = ImageChops.multiply(behind, dark)
        relief = Image.new("L", half.size, 128)
        pen = ImageDraw.Draw(relief)
        for fold in piece.folds:
            width = max(1, round(fold.width * self.frame.scale / 2))
            tone = round(128 + 95 * fold.tone)
            pen.line(local(fold.curve, 2), fill=tone, width=width, joint="curve")
        relief = relief.filter(ImageFilter.BoxBlur(1.1 * self.dot))
        relief = ImageChops.add(relief, self._roundness(half), offset=-128)
        lit = ImageChops.hard_light(_cut(cloth, size, piece.grain), _doubled(relief, size))
        behind.paste(lit, (0, 0), mask)
        if piece.seam:
            typical = lit.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
            seam = [*local(piece.outline), *local(piece.outline[:1])]
            pen = ImageDraw.Draw(behind)
            width = max(1, round(self.dot / 2))
            pen.line(seam, fill=shift(typical, -0.42), width=width)  # type: ignore[arg-type]
        self.image.paste(behind, (left, top))

    def _roundness(self, half: Image.Image) -> Image.Image:
        """Darken one edge and lighten the other, as on something round lit from a side."""
        soft = half.filter(ImageFilter.BoxBlur(2 * self.dot))
        moved = ImageChops.offset(soft, round(1.5 * self.dot * self.light), round(1.2 * self.dot))
        side = ImageChops.subtract(soft, moved, scale=5.5, offset=128)
        return ImageChops.add(side, soft.point(_ROUND_EDGE), offset=-128)

    def _drop_shadow(self, half: Image.Image, lift: float) -> Image.Image:
        step = lift * self.frame.scale / 2
        soft = half.filter(ImageFilter.BoxBlur(max(0.7, step)))
        shadow = Image.new("L", soft.size)
        shadow.paste(soft, (-round(step * self.light), round(step)))
        return shadow.point(_dimming(0.36))


_ROUND_EDGE = [round(128 - 34 * (1 - v / 255)) for v in range(256)]


@functools.cache
def _dimming(strength: float) -> list[int]:
    return [255 - round(strength * v) for v in range(256)]


def _doubled(half: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Blow a soft grey image up to `size` as RGB."""
    grey = half.resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (grey,) * 3)


def _cut(cloth: Cloth, size: tuple[int, int], grain: float) -> Image.Image:
    """Cut `size` from the middle of a cloth turned by `grain` degrees."""
    if not isinstance(cloth, Image.Image):
        return Image.new("RGB", size, cloth)
    width, height = size
    if abs(grain) > 2:
        need = min(cloth.width, int(np.hypot(width, height)) + 2)
        start = (cloth.width - need) // 2
        cloth = cloth.crop((start, start, start + need, start + need))
        cloth = cloth.rotate(grain, Image.Resampling.BILINEAR)
    left, top = (cloth.width - width) // 2, (cloth.height - height) // 2
    return cloth.crop((left, top, left + width, top + height))
