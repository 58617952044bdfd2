"""What is true of one drawn product."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One garment in words. Everything a catalogue would say about it, and nothing else.

    Attributes
    ----------
    index : int
        Its place in the catalogue; with the seed it fixes how the garment is drawn.
    details : tuple of str
        Any number of values, in alphabetical order.
    unknown : frozenset of str
        Attributes whose cells the catalogue leaves empty although the photo shows them.
    """

    index: int
    garment: str
    sleeve: str
    archetype: str
    neckline: str
    pattern: str
    colour: str
    length: str
    details: tuple[str, ...]
    unknown: frozenset[str] = frozenset()

    def cells(self) -> dict[str, str]:
        """Give the cells of this product's row, attribute to text, unknown ones empty."""
        cells = {
            "sleeve": self.sleeve,
            "archetype": self.archetype,
            "garment": self.garment,
            "neckline": self.neckline,
            "pattern": self.pattern,
            "colour": self.colour,
            "length": self.length,
            "detail": "|".join(self.details) or "-",
        }
        return {name: "" if name in self.unknown else cell for name, cell in cells.items()}
