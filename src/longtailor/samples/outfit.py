"""The cloths one product is sewn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from longtailor.samples.canvas import Cloth
from longtailor.samples.palettes import WARDROBES, Palette, jitter, shift
from longtailor.samples.patterns import weave
from longtailor.samples.product import Product


@dataclass(frozen=True)
class Outfit:
    """Cloths by use: main, trim, contrast (other sleeves), inner, third, leather."""

    palette: Palette
    cloths: dict[str, Cloth]


def outfit_of(product: Product, side: int, unit: float, rng: np.random.Generator) -> Outfit:
    """Choose a palette with the product's colour and weave its cloths, `side` pixels square."""
    choice = [p for p in WARDROBES[product.archetype] if p.name == product.colour]
    palette = choice[rng.integers(len(choice))]
    palette = replace(
        palette,
        main=jitter(palette.main, rng),
        accent=jitter(palette.accent, rng, 6),
        third=jitter(palette.third, rng, 6),
    )
    contrast = palette.accent if rng.random() < 0.8 else palette.third

    return Outfit(
        palette,
        {
            "main": weave(product.pattern, palette, side, unit, rng),
            "trim": palette.accent,
            "contrast": contrast,
            "third": palette.third,
            "inner": shift(palette.main, -0.42),
            "leather": (96, 62, 42) if product.archetype != "punk" else (40, 38, 40),
        },
    )
