"""Contact sheets: photos on paper, with captions and a tiny hanger."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from longtailor.errors import UsageError
from longtailor.files import replacing
from longtailor.samples.backgrounds import sitting_cat
from longtailor.samples.palettes import Colour
from longtailor.samples.vocabulary import ARCHETYPES, SLEEVES

_PAPER: Colour = (250, 246, 238)
_INK: Colour = (52, 46, 50)
_PENCIL: Colour = (136, 126, 122)
_BAR: Colour = (206, 194, 178)
_ROSE: Colour = (206, 84, 110)
_BLUSH: Colour = (250, 225, 224)

_TILE, _GAP, _MARGIN = 150, 10, 48
_ACROSS, _NAMES = 8, 216


def contact_sheet(
    images: Sequence[Path], captions: Sequence[str], out: Path, *, columns: int = 6
) -> Path:
    """Lay photos out on a sheet of paper, a caption under each.

    Parameters
    ----------
    images : sequence of Path
        One photo or more, in reading order.
    captions : sequence of str
        One for each photo; what is too long for its photo is cut.
    out : Path
        The PNG to write.
    columns : int
        Photos in a row.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    UsageError
        If there is no photo, or captions and photos differ in number, or `columns` is below 1.
    """
    if not images or len(images) != len(captions):
        raise UsageError(
            f"a contact sheet needs a caption for each photo: {len(images)} photos, "
            f"{len(captions)} captions"
        )
    if columns < 1:
        raise UsageError(f"a contact sheet needs 1 column or more, not {columns}")
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    step, line = _TILE + _GAP, 24
    sheet = _Sheet(2 * _MARGIN + columns * step - _GAP, 2 * _MARGIN + rows * (step + line) - _GAP)
    for place, (path, caption) in enumerate(zip(images, captions, strict=True)):
        x, y = _MARGIN + place % columns * step, _MARGIN + place // columns * (step + line)
        sheet.photo(path, x, y)
        sheet.text((x + _TILE / 2, y + _TILE + 14), sheet.fitting(caption, 14), 14, anchor="mm")
    return sheet.save(out)


def sample_sheet(catalog: Path, out: Path | None = None) -> Path:
    """Show the sample catalogue on one page: each sleeve in a row, head to tail, each archetype.

    Parameters
    ----------
    catalog : Path
        The folder that `draw_catalog` wrote to.
    out : Path, optional
        The PNG to write. Default: `catalog/contact_sheet.png`.

    Returns
    -------
    Path
        The PNG.
    """
    with (catalog / "products.csv").open(encoding="utf-8", newline="") as file:
        products = list(csv.DictReader(file))
    counts = _counts(products, "sleeve")
    shown: set[str] = set()
    sleeves = sorted(SLEEVES, key=lambda sleeve: -counts[sleeve])
    step = _TILE + _GAP
    top = 168
    styles = top + len(sleeves) * step + 84
    width = 2 * _MARGIN + _NAMES + _ACROSS * step - _GAP
    sheet = _Sheet(width, styles + 2 * step + 108)
    _masthead(sheet, len(products))
    for number, sleeve in enumerate(sleeves):
        chosen = [row for row in products if row["sleeve"] == sleeve]
        y = top + number * step
        rarest = sleeve == "puff"
        if rarest:
            sheet.band(y - _GAP // 2, step)
        colour = _ROSE if rarest else _INK
        sheet.text((_MARGIN, y + 38), sleeve.replace("_", " "), 27, colour)
        share = counts[sleeve] / len(products)
        note = "six in a thousand" if rarest and round(share, 3) == 0.006 else f"{share:.1%}"
        sheet.text(
            (_MARGIN, y + 72), f"{counts[sleeve]:,} · {note}", 17, colour if rarest else _PENCIL
        )
        longest = max(counts[s] for s in sleeves)
        length = max(3, round((_NAMES - 40) * counts[sleeve] / longest))
        sheet.draw.rounded_rectangle(
            (_MARGIN, y + 100, _MARGIN + length, y + 108), 4, fill=_ROSE if rarest else _BAR
        )
        for place, row in enumerate(_varied(chosen, "archetype")[:_ACROSS]):
            x = _MARGIN + _NAMES + place * step
            sheet.photo(catalog / row["image"], x, y, ring=_ROSE if rarest else None)
            shown.add(row["id"])
        if rarest and len(chosen) < _ACROSS:
            x = _MARGIN + _NAMES + len(chosen) * step + _TILE // 2
            sheet.cat(x, y + 100)
            sheet.text((x, y + 122), "and that is all", 17, _ROSE, anchor="mm")
    unseen = [row for row in products if row["id"] not in shown]
    _archetypes(sheet, _counts(products, "archetype"), unseen, catalog, styles)
    sheet.text(
        (width / 2, sheet.image.height - 44),
        "Every photo is drawn. No cats were made to pose; some volunteered.",
        17,
        _PENCIL,
        anchor="mm",
    )
    return sheet.save(out or catalog / "contact_sheet.png")


def _masthead(sheet: _Sheet, products: int) -> None:
    middle = sheet.image.width / 2
    sheet.hanger(middle, 16)
    sheet.text((middle, 92), "A wardrobe with a long tail", 42, anchor="mm")
    subtitle = f"{products:,} drawn products, by sleeve, from the common to the rare"
    sheet.text((middle, 132), subtitle, 18, _PENCIL, anchor="mm")


def _archetypes(
    sheet: _Sheet, counts: Counter[str], products: list[dict[str, str]], catalog: Path, top: int
) -> None:
    names = sorted(ARCHETYPES, key=lambda name: -counts[name])
    step = _TILE + _GAP
    sheet.text((_MARGIN, top + 34), "by archetype", 27)
    sheet.text((_MARGIN, top + 68), "it shows in cut,", 17, _PENCIL)
    sheet.text((_MARGIN, top + 90), "colour and pattern", 17, _PENCIL)
    for column, name in enumerate(names):
        x = _MARGIN + _NAMES + column * step
        sheet.text((x + _TILE / 2, top - 24), name, 20, anchor="mm")
        chosen = _varied([row for row in products if row["archetype"] == name], "garment")
        for line, row in enumerate(chosen[:2]):
            sheet.photo(catalog / row["image"], x, top + line * step)
        under = (x + _TILE / 2, top + 2 * step + 10)
        sheet.text(under, f"{counts[name]:,}", 17, _PENCIL, anchor="mm")


def _counts(products: list[dict[str, str]], attribute: str) -> Counter[str]:
    return Counter(row[attribute] for row in products)


def _varied(rows: list[dict[str, str]], by: str) -> list[dict[str, str]]:
    """Put the first product of each value first, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for row in rows:
        turns.append(seen[row[by]])
        seen[row[by]] += 1
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: turns[i])]


class _Sheet:
    """A sheet of paper to lay photos on."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), _PAPER)
        self.draw = ImageDraw.Draw(self.image)
        corner = Image.new("L", (_TILE * 2, _TILE * 2))
        ImageDraw.Draw(corner).rounded_rectangle((0, 0, _TILE * 2 - 1, _TILE * 2 - 1), 20, fill=255)
        self._rounded = corner.reduce(2)

    def photo(self, path: Path, x: int, y: int, ring: Colour | None = None) -> None:
        """Lay a photo down, round-cornered, with a little shadow or a ring."""
        if ring:
            self.draw.rounded_rectangle((x - 3, y - 3, x + _TILE + 2, y + _TILE + 2), 13, fill=ring)
        else:
            self.draw.rounded_rectangle(
                (x + 2, y + 3, x + _TILE + 1, y + _TILE + 2), 11, fill=(228, 221, 210)
            )
        with Image.open(path) as opened:
            photo = opened.convert("RGB").resize((_TILE, _TILE), Image.Resampling.LANCZOS)
        self.image.paste(photo, (x, y), self._rounded)

    def text(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: Colour = _INK,
        anchor: str = "lm",
    ) -> None:
        """Write a line."""
        self.draw.text(at, text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)

    def fitting(self, caption: str, size: int) -> str:
        """Cut a caption to the width of a photo."""
        font = ImageFont.load_default(size)
        if self.draw.textlength(caption, font=font) <= _TILE:
            return caption
        while caption and self.draw.textlength(caption + "…", font=font) > _TILE:
            caption = caption[:-1]
        return caption.rstrip() + "…"

    def band(self, y: int, height: int) -> None:
        """Tint a row from edge to edge."""
        self.draw.rectangle((0, y - 3, self.image.width, y + height + 2), fill=_BLUSH)

    def hanger(self, x: float, y: float) -> None:
        """Hang a hanger from the top of the sheet, with a tail for a hook."""
        big = Image.new("L", (480, 240))
        pen = ImageDraw.Draw(big)
        pen.line([(240, 118), (60, 200), (420, 200), (240, 118)], fill=255, width=13, joint="curve")
        pen.arc((208, 34, 272, 98), 150, 420, fill=255, width=12)
        pen.line([(256, 92), (240, 118)], fill=255, width=12)
        for end in (60, 420):
            pen.ellipse((end - 7, 193, end + 7, 207), fill=255)
        small = big.resize((120, 60), Image.Resampling.LANCZOS)
        self.image.paste(_ROSE, (round(x) - 60, round(y) - 8), small)

    def cat(self, x: float, y: float) -> None:
        """Let a cat look at the sheet, its feet at (x, y)."""
        big = Image.new("RGB", (320, 320), _BLUSH)
        sitting_cat(ImageDraw.Draw(big), 150, 310, 112, _ROSE)
        self.image.paste(
            big.resize((80, 80), Image.Resampling.LANCZOS), (round(x) - 38, round(y) - 78)
        )

    def save(self, out: Path) -> Path:
        with replacing(out) as temporary:
            self.image.save(temporary, format="PNG", optimize=True)
        return out
