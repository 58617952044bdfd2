"""What is to be scored: a catalogue, a folder of images, or image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from longtailor.catalog import Skip
from longtailor.catalog.images import readable_formats
from longtailor.catalog.products import Products, read_products
from longtailor.errors import LongtailorError, UsageError

CATALOG_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def find_inputs(given: Sequence[Path], images: Path | None = None) -> Products:
    """Find what is to be scored.

    Parameters
    ----------
    given : sequence of Path
        One catalogue, or folders and image files.
    images : Path, optional
        The folder that a catalogue's image paths are relative to.

    Raises
    ------
    UsageError
        If a catalogue is given together with something else.
    LongtailorError
        If something does not exist, or there is no image.
    """
    catalogs = [path for path in given if path.suffix.lower() in CATALOG_SUFFIXES]
    if catalogs and len(given) > 1:
        raise UsageError(f"{catalogs[0]} is a catalogue; score it by itself")
    if catalogs:
        return read_products(catalogs[0], images=images)
    if images is not None:
        raise UsageError("--images goes with a catalogue")
    found: list[tuple[str, Path]] = []
    for path in given:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if _is_image(file)]
            if not inside:
                raise LongtailorError(f"{path} holds no image")
            found += [(file.relative_to(path).as_posix(), file) for file in inside]
        elif path.is_file():
            found.append((str(path), path))
        else:
            raise LongtailorError(f"{path} does not exist")
    # A file that is named twice, or lies in a folder that is named too, is one product.
    once: dict[Path, tuple[str, Path]] = {}
    for name, file in found:
        once.setdefault(file.absolute(), (name, file))
    found = list(once.values())
    names = [name for name, _ in found]
    if len(set(names)) < len(names):
        names = [str(path) for _, path in found]
    products = Products([], [], [], [], [], [])
    for row, (name, (_, path)) in enumerate(zip(names, found, strict=True), start=1):
        if not _is_unicode(str(path)):
            shown = name.encode(errors="backslashreplace").decode()
            products.skipped.append(Skip(row, shown, "its path is no Unicode: rename it"))
            continue
        products.ids.append(name)
        products.names.append(name)
        products.paths.append(path)
        products.texts.append(None)
        products.rows.append(row)
    if not products.ids:
        first = products.skipped[0]
        raise LongtailorError(f"{first.what}: {first.reason}")
    return products


def _is_unicode(text: str) -> bool:
    # A name of other bytes comes from the file system with surrogates in it.
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_image(path: Path) -> bool:
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in readable_formats() and path.is_file()
