"""Write the sample catalogue: products.csv and the photos beside it."""

from __future__ import annotations

import csv
import io
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from longtailor.cores import available_cores
from longtailor.errors import UsageError
from longtailor.files import replacing, write_text
from longtailor.samples.photo import draw_photo
from longtailor.samples.product import Product
from longtailor.samples.sampling import MINIMUM_POSITIVES, sample_products
from longtailor.samples.vocabulary import ATTRIBUTES, SLEEVES

SMALLEST = 2 * MINIMUM_POSITIVES * len(SLEEVES)
_CHUNK = 16


def draw_catalog(
    out: Path,
    *,
    products: int = 1200,
    seed: int = 0,
    size: int = 224,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Draw the sample catalogue: garments with a long tail of sleeves.

    Sleeves and archetypes have exact counts: 6 puff sleeves in 1,000 products, never fewer than
    6. The same arguments give the same bytes of products.csv and the same pixels.

    Parameters
    ----------
    out : Path
        The folder to write to. Photos go to `out/images`.
    products : int
        How many, at least 96.
    seed : int
        Not negative.
    size : int
        Pixels along each side of a photo, at least 32.
    progress : callable, optional
        Called with the number of photos drawn since the last call.

    Returns
    -------
    Path
        `out/products.csv`, written last, when every photo is there.

    Raises
    ------
    UsageError
        If `products`, `seed` or `size` is out of range.
    LongtailorError
        If a file cannot be written.
    """
    if products < SMALLEST:
        raise UsageError(f"the sample catalogue needs {SMALLEST} products or more, not {products}")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, and {seed} is")
    if size < 32:
        raise UsageError(f"a photo needs 32 pixels or more along each side, not {size}")
    catalog = sample_products(products, seed)
    path, images = out / "products.csv", out / "images"
    # A table of an earlier catalogue must not outlive its photos if this one is interrupted.
    path.unlink(missing_ok=True)
    chunks = [catalog[start : start + _CHUNK] for start in range(0, products, _CHUNK)]
    # Spawned, not forked: the caller may have threads running, torch's among them.
    with ProcessPoolExecutor(
        max_workers=min(available_cores(), len(chunks)),
        mp_context=multiprocessing.get_context("spawn"),
    ) as pool:
        for drawn in pool.map(partial(_draw_photos, folder=images, seed=seed, size=size), chunks):
            if progress:
                progress(drawn)
    write_text(path, _table(catalog))
    return path


def _draw_photos(products: list[Product], folder: Path, seed: int, size: int) -> int:
    for product in products:
        photo = draw_photo(product, seed, size)
        quality = int(np.random.default_rng((seed, 4, product.index)).integers(58, 93))
        with replacing(folder / f"{name_of(product)}.jpg") as temporary:
            photo.save(temporary, quality=quality)
    return len(products)


def name_of(product: Product) -> str:
    """Give the product's id, which is also the name of its photo."""
    return f"lt-{product.index:05d}"


def _table(catalog: list[Product]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "image", *ATTRIBUTES], lineterminator="\n")
    writer.writeheader()
    for product in catalog:
        name = name_of(product)
        writer.writerow({"id": name, "image": f"images/{name}.jpg", **product.cells()})
    return text.getvalue()
