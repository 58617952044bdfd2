"""Painting cloth with light on it, at twice the size of the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from longtailor.samples.geometry import Frame, Points
from longtailor.samples.palettes import Colour, shift

SUPERSAMPLING = 2


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
        """Draw a line with round ends."""
        self.line(curve, colour, width)
        radius = width * self.frame.scale / 2
        for x, y in (self.frame(curve)[0], self.frame(curve)[-1]):
            self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        """Draw a small disc: a button, a stud, an eye."""
        (x, y), r = self.frame(np.array([centre]))[0], radius * self.frame.scale
        self.draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def mask(self, *outlines: Points) -> Image.Image:
        """Give the mask of the shapes together, mode L."""
        mask = Image.new("L", self.image.size)
        draw = ImageDraw.Draw(mask)
        for outline in outlines:
            draw.polygon(self.frame(outline), fill=255)
        return mask

    def shade(self, mask: Image.Image, offset: tuple[float, float], blur: float, strength: float) -> None:
        """Let what `mask` covers cast a shadow; offset and blur in pixels of a 224 px photo."""
        dx, dy = (round(o * self.dot) for o in offset)
        # Shadows are soft: half the pixels are enough.
        half = mask.reduce(2).filter(ImageFilter.BoxBlur(blur * self.dot / 2))
        shadow = Image.new("L", half.size)
        shadow.paste(half, (dx // 2, dy // 2))
        shadow = shadow.point([255 - round(strength * v) for v in range(256)]).resize(self.image.size)
        self.image.paste(ImageChops.multiply(self.image, Image.merge("RGB", (shadow,) * 3)))

    def paint(self, piece: Piece, cloth: Image.Image) -> None:
        """Paint a piece: its shadow, its cloth, its folds and the roundness of its edges."""
        at = self.frame(piece.outline)
        xs, ys = zip(*at, strict=True)
        margin = round(10 * self.dot)
        left, top = max(0, int(min(xs)) - margin), max(0, int(min(ys)) - margin)
        right = min(self.px, int(max(xs)) + margin + 2)
        bottom = min(self.px, int(max(ys)) + margin + 2)
        if right - left < 4 or bottom - top < 4:
            return
        box = (left, top, right, bottom)
        size = (right - left, bottom - top)

        def local(curve: Points) -> list[tuple[float, float]]:
            return [(x - left, y - top) for x, y in self.frame(curve)]

        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon(local(piece.outline), fill=255)
        behind = self.image.crop(box)
        if piece.lift:
            self._drop_shadow(behind, mask, piece.lift)
        relief = Image.new("L", size, 128)
        pen = ImageDraw.Draw(relief)
        for fold in piece.folds:
            width = max(1, round(fold.width * self.frame.scale))
            pen.line(local(fold.curve), fill=round(128 + 95 * fold.tone), width=width, joint="curve")
        relief = relief.filter(ImageFilter.BoxBlur(1.6 * self.dot))
        relief = ImageChops.add(relief, self._roundness(mask), offset=-128)
        lit = ImageChops.hard_light(_cut(cloth, size, piece.grain), Image.merge("RGB", (relief,) * 3))
        behind.paste(lit, (0, 0), mask)
        if piece.seam:
            x, y = (size[0] // 2, size[1] // 2)
            tone = shift(lit.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)), -0.42)  # type: ignore[arg-type]
            del x, y
            pen = ImageDraw.Draw(behind)
            pen.line([*local(piece.outline), local(piece.outline[:1])[0]], fill=tone, width=max(1, round(self.dot / 2)))
        self.image.paste(behind, box)

    def _roundness(self, mask: Image.Image) -> Image.Image:
        """Darken one edge and lighten the other, as on something round lit from a side."""
        soft = mask.filter(ImageFilter.BoxBlur(4 * self.dot))
        shift_px = round(3 * self.dot * self.light), round(2.5 * self.dot)
        moved = ImageChops.offset(soft, *shift_px)
        side = ImageChops.subtract(soft, moved, scale=4.5, offset=128)
        return ImageChops.add(side, soft.point([round(-34 * (1 - v / 255)) + 128 for v in range(256)]), offset=-128)

    def _drop_shadow(self, behind: Image.Image, mask: Image.Image, lift: float) -> None:
        step = lift * self.frame.scale
        soft = mask.filter(ImageFilter.BoxBlur(max(1.0, step)))
        soft = ImageChops.offset(soft, -round(step * self.light), round(step))
        dark = soft.point([255 - round(0.36 * v) for v in range(256)])
        behind.paste(ImageChops.multiply(behind, Image.merge("RGB", (dark,) * 3)))


def _cut(cloth: Image.Image, size: tuple[int, int], grain: float) -> Image.Image:
    """Cut `size` from the middle of a cloth turned by `grain` degrees."""
    width, height = size
    if abs(grain) > 2:
        need = min(cloth.width, int(np.hypot(width, height)) + 2)
        start = (cloth.width - need) // 2
        cloth = cloth.crop((start, start, start + need, start + need))
        cloth = cloth.rotate(grain, Image.Resampling.BILINEAR)
    left, top = (cloth.width - width) // 2, (cloth.height - height) // 2
    return cloth.crop((left, top, left + width, top + height))
