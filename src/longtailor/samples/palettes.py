"""Colours that go together: what each archetype wears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """A named main colour with two colours that suit it."""

    name: str
    main: Colour
    accent: Colour
    third: Colour


WHITE, CREAM, SAND = (246, 245, 241), (243, 233, 214), (214, 194, 163)
CAMEL, RUST, BROWN = (190, 147, 97), (176, 86, 48), (104, 72, 52)
BLACK, CHARCOAL, GREY, MIST = (50, 48, 54), (84, 88, 95), (150, 154, 160), (206, 209, 212)
NAVY, ROYAL, SKY, TEAL = (36, 48, 84), (40, 84, 178), (158, 191, 218), (36, 116, 120)
FOREST, OLIVE, SAGE, ACID = (36, 84, 62), (122, 122, 66), (168, 186, 158), (168, 212, 50)
RED, BURGUNDY, CORAL, ORANGE = (200, 44, 48), (112, 30, 48), (232, 122, 98), (226, 118, 40)
BLUSH, ROSE, MAGENTA = (240, 203, 200), (218, 128, 142), (222, 50, 128)
MUSTARD, LEMON, LILAC, PLUM = (214, 162, 50), (244, 220, 108), (194, 174, 216), (98, 56, 104)

WARDROBES: dict[str, tuple[Palette, ...]] = {
    "classic": (
        Palette("navy", NAVY, WHITE, RED),
        Palette("white", WHITE, NAVY, CAMEL),
        Palette("beige", CAMEL, CREAM, BROWN),
        Palette("grey", CHARCOAL, MIST, BURGUNDY),
        Palette("red", BURGUNDY, CREAM, NAVY),
        Palette("blue", SKY, WHITE, NAVY),
    ),
    "minimalist": (
        Palette("white", WHITE, MIST, BLACK),
        Palette("black", BLACK, GREY, WHITE),
        Palette("grey", GREY, WHITE, CHARCOAL),
        Palette("beige", SAND, CREAM, BROWN),
        Palette("green", SAGE, WHITE, CHARCOAL),
    ),
    "sporty": (
        Palette("blue", ROYAL, WHITE, RED),
        Palette("red", RED, WHITE, BLACK),
        Palette("black", BLACK, ACID, WHITE),
        Palette("grey", GREY, ORANGE, BLACK),
        Palette("white", WHITE, ROYAL, ORANGE),
        Palette("green", ACID, BLACK, WHITE),
        Palette("navy", NAVY, LEMON, WHITE),
    ),
    "romantic": (
        Palette("pink", BLUSH, ROSE, WHITE),
        Palette("white", CREAM, ROSE, SAGE),
        Palette("purple", LILAC, WHITE, PLUM),
        Palette("blue", SKY, CREAM, ROSE),
        Palette("pink", ROSE, CREAM, BURGUNDY),
        Palette("red", CORAL, CREAM, ROSE),
    ),
    "preppy": (
        Palette("navy", NAVY, WHITE, MUSTARD),
        Palette("green", FOREST, CREAM, RED),
        Palette("red", RED, NAVY, WHITE),
        Palette("pink", (238, 170, 178), WHITE, FOREST),
        Palette("yellow", LEMON, NAVY, WHITE),
        Palette("white", WHITE, FOREST, RED),
    ),
    "bohemian": (
        Palette("orange", RUST, CREAM, TEAL),
        Palette("yellow", MUSTARD, BROWN, CREAM),
        Palette("green", OLIVE, CREAM, RUST),
        Palette("teal", TEAL, MUSTARD, CREAM),
        Palette("white", CREAM, RUST, TEAL),
        Palette("brown", BROWN, MUSTARD, CREAM),
    ),
    "retro": (
        Palette("orange", ORANGE, CREAM, BROWN),
        Palette("teal", (70, 160, 156), CREAM, CORAL),
        Palette("yellow", MUSTARD, CREAM, ORANGE),
        Palette("brown", BROWN, ORANGE, CREAM),
        Palette("red", RED, WHITE, BLACK),
    ),
    "punk": (
        Palette("black", BLACK, RED, MIST),
        Palette("black", BLACK, MAGENTA, ACID),
        Palette("red", RED, BLACK, MIST),
        Palette("purple", PLUM, BLACK, ACID),
    ),
}

SKINS: tuple[Colour, ...] = (
    (249, 222, 203),
    (236, 196, 164),
    (206, 156, 116),
    (160, 108, 76),
    (108, 72, 52),
    (74, 50, 40),
)
HAIRS: tuple[Colour, ...] = (
    (44, 34, 32),
    (84, 54, 38),
    (142, 84, 46),
    (206, 164, 98),
    (172, 70, 40),
    (188, 188, 192),
)


def shift(colour: Colour, amount: float) -> Colour:
    """Lighten (`amount` > 0, towards white) or darken (< 0, towards black) a colour."""
    target = 255 if amount > 0 else 0
    return tuple(round(c + (target - c) * abs(amount)) for c in colour)  # type: ignore[return-value]


def jitter(colour: Colour, rng: np.random.Generator, spread: float = 9) -> Colour:
    """Give a colour near this one: dyes differ, and so do cameras."""
    moved = np.clip(np.asarray(colour) + rng.normal(0, spread, 3) + rng.normal(0, spread), 12, 250)
    return tuple(int(c) for c in moved)  # type: ignore[return-value]
