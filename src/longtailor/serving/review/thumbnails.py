"""Small copies of photos, made once."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from longtailor.catalog.images import open_image

SIDES = (240, 480, 960)
"""Longest sides in pixels: a card, a card on a fine screen, alone on the screen."""
_MOST_BYTES = 96 * 2**20
_AT_ONCE = 4


class Thumbnails:
    """JPEG copies of the photos of a catalogue, the last ones kept in memory.

    Parameters
    ----------
    images : sequence of (Path or None)
        Only these are ever opened.
    """

    def __init__(self, images: Sequence[Path | None]) -> None:
        self._images = images
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._decoding = threading.Semaphore(_AT_ONCE)

    def get(self, product: int, side: int) -> bytes:
        """Give the photo of a product.

        Raises
        ------
        KeyError
            If there is no such product, or it has no photo.
        ImageError
            If it cannot be decoded.
        """
        path = self._images[product] if 0 <= product < len(self._images) else None
        if path is None or side not in SIDES:
            raise KeyError(product)
        key = product, side
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._decoding:
            image = open_image(path, draft=side)
            image.thumbnail((side, side))
            content = io.BytesIO()
            image.save(content, format="JPEG", quality=82)
        with self._lock:
            self._bytes += len(content.getvalue()) - len(self._kept.get(key, b""))
            self._kept[key] = content.getvalue()
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return content.getvalue()
