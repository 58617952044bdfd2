"""Photos in a page: which ones tell something, and small copies of them."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from longtailor.catalog.images import open_image
from longtailor.errors import ImageError
from longtailor.labels import NEGATIVE, POSITIVE

SIDE = 132


@dataclass(frozen=True)
class Sighting:
    """A product shown for what the detector made of it: its position, and the probability."""

    product: int
    probability: float


@dataclass(frozen=True)
class Sightings:
    """What a detector made of one label: the surest of each kind first, and how many there are."""

    found: list[Sighting]
    missed: list[Sighting]
    false_alarms: list[Sighting]
    found_count: int
    missed_count: int
    false_alarm_count: int


def sightings(
    probabilities: npt.NDArray[np.float64],
    cells: npt.NDArray[np.int8],
    threshold: float,
    most: int,
) -> Sightings:
    """Pick the positives found, the positives missed and the false alarms of a label.

    Parameters
    ----------
    probabilities : ndarray, shape (products,)
    cells : ndarray of int8, shape (products,)
        Positive 1, negative 0, unknown -1.
    threshold : float
    most : int
        Of each kind at most so many, the highest probabilities first.
    """
    predicted = probabilities >= threshold
    kinds = [
        np.flatnonzero(mask)
        for mask in (
            predicted & (cells == POSITIVE),
            ~predicted & (cells == POSITIVE),
            predicted & (cells == NEGATIVE),
        )
    ]
    surest = [at[np.argsort(-probabilities[at], kind="stable")][:most] for at in kinds]
    found, missed, alarms = (
        [Sighting(int(product), float(probabilities[product])) for product in at] for at in surest
    )
    return Sightings(found, missed, alarms, *(len(at) for at in kinds))


def thumbnail(path: Path | None) -> str | None:
    """Give a small copy of a photo as a `data:` address; None if it cannot be read."""
    if path is None:
        return None
    try:
        image = open_image(path, draft=SIDE)
    except ImageError:
        return None
    image.thumbnail((SIDE, SIDE))
    # A comment or a colour profile of the file would be written too, and be larger than the photo.
    image.info.clear()
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
