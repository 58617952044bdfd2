"""A garment that is ready for its details."""

from __future__ import annotations

from dataclasses import dataclass

from longtailor.samples.cut import Cut
from longtailor.samples.outfit import Outfit
from longtailor.samples.product import Product


@dataclass(frozen=True)
class Garment:
    """What was sewn, of what, and where its front begins.

    Attributes
    ----------
    product : Product
    cut : Cut
    outfit : Outfit
    opening : float
        Height of the lowest point of the neck or of the lapels, in garment units.
    """

    product: Product
    cut: Cut
    outfit: Outfit
    opening: float
