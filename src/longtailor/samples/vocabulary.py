"""The values of the sample catalogue's attributes, and how often each is met."""

from __future__ import annotations

from collections.abc import Mapping

ATTRIBUTES = (
    "sleeve",
    "archetype",
    "garment",
    "neckline",
    "pattern",
    "colour",
    "length",
    "detail",
)

Weights = Mapping[str, float]

# Shares of the catalogue, head to tail. Six puff sleeves in a thousand products.
SLEEVES: Weights = {
    "long": 0.34,
    "short": 0.302,
    "sleeveless": 0.20,
    "three_quarter": 0.08,
    "cap": 0.04,
    "raglan": 0.02,
    "bell": 0.012,
    "puff": 0.006,
}
ARCHETYPES: Weights = {
    "classic": 0.29,
    "minimalist": 0.22,
    "sporty": 0.17,
    "romantic": 0.13,
    "preppy": 0.08,
    "bohemian": 0.06,
    "retro": 0.03,
    "punk": 0.02,
}

# How much likelier a sleeve is within an archetype than elsewhere.
SLEEVE_AFFINITY: Mapping[str, Weights] = {
    "romantic": {"puff": 10, "cap": 4, "bell": 2, "raglan": 0.1},
    "sporty": {"raglan": 6, "short": 1.5, "bell": 0.1, "puff": 0.1},
    "bohemian": {"bell": 8, "three_quarter": 2, "raglan": 0.2},
    "retro": {"puff": 8, "cap": 4, "bell": 2},
    "punk": {"sleeveless": 2},
    "preppy": {"short": 1.5, "three_quarter": 1.5, "puff": 0.5},
}

GARMENTS: Mapping[str, Weights] = {
    "classic": {
        "shirt": 5,
        "dress": 3,
        "sweater": 3,
        "tee": 2,
        "blouse": 2,
        "jacket": 2,
        "coat": 2,
    },
    "minimalist": {"tee": 5, "dress": 3, "sweater": 3, "shirt": 2, "coat": 1.5, "blouse": 1},
    "sporty": {"tee": 6, "hoodie": 3, "jacket": 2, "sweater": 1, "dress": 0.8},
    "romantic": {"dress": 6, "blouse": 5, "tee": 1, "sweater": 1},
    "preppy": {"shirt": 4, "sweater": 4, "dress": 2, "tee": 1.5, "jacket": 1},
    "bohemian": {"dress": 5, "blouse": 4, "jumpsuit": 1, "tee": 1},
    "retro": {"dress": 5, "blouse": 2, "shirt": 2, "jumpsuit": 1.5, "sweater": 1},
    "punk": {"tee": 5, "jacket": 3, "dress": 1.5, "hoodie": 1, "shirt": 1},
}
# What a sleeve cannot be sewn to, or hardly ever is.
GARMENT_FIT: Mapping[str, Weights] = {
    "sleeveless": {"coat": 0, "hoodie": 0.1, "jacket": 0.15, "sweater": 0.3, "shirt": 0.4},
    "cap": {"coat": 0, "hoodie": 0, "jacket": 0, "sweater": 0.2, "shirt": 0.6},
    "short": {"coat": 0, "hoodie": 0.15, "jacket": 0.05, "sweater": 0.3},
    "three_quarter": {"hoodie": 0.2, "coat": 0.5},
    "long": {"tee": 0.5},
    "raglan": {"blouse": 0, "coat": 0.2, "jacket": 0.3, "shirt": 0, "jumpsuit": 0},
    "bell": {"hoodie": 0, "jacket": 0, "coat": 0.1, "tee": 0.3, "shirt": 0.2, "sweater": 0.5},
    "puff": {"hoodie": 0, "jacket": 0, "coat": 0, "tee": 0.4, "sweater": 0.5},
}
NECKLINES: Mapping[str, Weights] = {
    "tee": {"crew": 6, "v_neck": 2, "scoop": 2, "boat": 1},
    "dress": {
        "crew": 2,
        "v_neck": 3,
        "scoop": 3,
        "boat": 1.5,
        "square": 1,
        "sweetheart": 0.5,
        "collar": 1,
    },
    "shirt": {"collar": 1},
    "sweater": {"crew": 4, "v_neck": 3, "turtleneck": 3, "boat": 0.5},
    "blouse": {"collar": 3, "v_neck": 2, "scoop": 2, "square": 1, "boat": 0.7, "sweetheart": 0.4},
    "jacket": {"collar": 4, "crew": 1},
    "coat": {"collar": 1},
    "hoodie": {"hood": 1},
    "jumpsuit": {"v_neck": 2, "scoop": 1, "collar": 1},
}
LENGTHS: Mapping[str, Weights] = {
    "tee": {"hip": 6, "cropped": 2, "thigh": 1},
    "dress": {"knee": 4, "midi": 3, "thigh": 2, "maxi": 1},
    "shirt": {"hip": 6, "thigh": 1, "cropped": 0.5},
    "sweater": {"hip": 6, "cropped": 1.5, "thigh": 1},
    "blouse": {"hip": 6, "cropped": 1.5},
    "jacket": {"hip": 4, "cropped": 2},
    "coat": {"knee": 3, "midi": 1, "thigh": 2},
    "hoodie": {"hip": 1},
    "jumpsuit": {"maxi": 2, "midi": 1},
}
PATTERNS: Mapping[str, Weights] = {
    "classic": {"plain": 7, "stripes": 2.5, "checks": 1.5, "dots": 0.6, "cats": 0.05},
    "minimalist": {"plain": 10, "stripes": 1, "checks": 0.3},
    "sporty": {"plain": 7, "stripes": 2, "stars": 0.5, "tie_dye": 0.4, "cats": 0.1},
    "romantic": {"plain": 4, "floral": 4.5, "dots": 2, "checks": 0.3, "cats": 0.2},
    "preppy": {"plain": 3, "stripes": 2.5, "checks": 2.5, "argyle": 1.2, "dots": 0.5, "cats": 0.15},
    "bohemian": {"floral": 4, "plain": 3, "zigzag": 2, "tie_dye": 1.2, "stripes": 0.6},
    "retro": {"dots": 3, "plain": 2, "checks": 2, "zigzag": 1.5, "floral": 1.2, "cats": 0.4},
    "punk": {"plain": 4.5, "checks": 2.5, "stripes": 1.5, "stars": 1.2, "cats": 0.4},
}

# The chance of each detail by garment; several may meet on one product.
DETAILS: Mapping[str, Weights] = {
    "tee": {"pocket": 0.18, "bow": 0.02},
    "dress": {"belt": 0.28, "buttons": 0.15, "ruffle": 0.12, "bow": 0.06, "pocket": 0.06},
    "shirt": {"buttons": 0.92, "pocket": 0.45, "bow": 0.02},
    "sweater": {"buttons": 0.15, "pocket": 0.04, "bow": 0.02},
    "blouse": {"buttons": 0.40, "bow": 0.14, "ruffle": 0.22, "belt": 0.05},
    "jacket": {"zip": 0.50, "buttons": 0.40, "pocket": 0.60, "belt": 0.08},
    "coat": {"buttons": 0.80, "belt": 0.40, "pocket": 0.60},
    "hoodie": {"zip": 0.35, "pocket": 0.75},
    "jumpsuit": {"belt": 0.55, "buttons": 0.20, "zip": 0.20, "pocket": 0.20},
}
DETAIL_AFFINITY: Mapping[str, Weights] = {
    "minimalist": {"bow": 0, "ruffle": 0, "pocket": 0.6, "belt": 0.5},
    "romantic": {"bow": 2, "ruffle": 2, "zip": 0.2},
    "sporty": {"zip": 1.5, "bow": 0, "ruffle": 0},
    "bohemian": {"belt": 1.3, "ruffle": 1.5},
    "retro": {"bow": 2, "belt": 1.3},
    "punk": {"zip": 1.6, "bow": 0.5, "belt": 1.5},
}
UNKNOWN_SHARE = 0.025
RARE = 0.05
