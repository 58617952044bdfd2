"""What is to be scored: a catalogue, a folder of images, or image files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from PIL import Image

from longtailor.catalog import IMAGE, TEXT, Skip
from longtailor.catalog.columns import ID
from longtailor.catalog.images import readable_formats
from longtailor.catalog.products import (
    ROW,
    Products,
    find_products,
    no_products,
    stream_products,
)
from longtailor.errors import LongtailorError, UsageError

CATALOG_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_PATH = "path"


@dataclass(frozen=True)
class Inputs:
    """What is to be scored.

    Attributes
    ----------
    source : Path
        The catalogue, or the first of the folders and files.
    images : Path or None
        The folder that a catalogue's image paths are relative to.
    files : DataFrame or None
        Where there is no catalogue: `row`, `id`, `image`, `text` and the `path` of each image,
        null where that is no Unicode.
    """

    source: Path
    images: Path | None = None
    files: pl.DataFrame | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of what is listed; not of the images."""
        if self.files is not None:
            return hashlib.sha256(json.dumps(self.files.rows()).encode()).hexdigest()
        try:
            with self.source.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise LongtailorError(f"cannot read {self.source}: {error.strerror}") from error
        return f"{digest}{self.source.suffix.lower()} {self.images}"

    def stream(self, *, strict: bool = False) -> Iterator[pl.DataFrame]:
        """Read what is listed, in parts that `find` takes.

        Parameters
        ----------
        strict : bool
            Fail on what would be skipped.

        Raises
        ------
        LongtailorError
            If a catalogue is none, or no product has a usable image or a text, or `strict` is
            asked for and something would be skipped.
        """
        usable, first = False, None
        for part in [self.files] if self.files is not None else stream_products(self.source):
            # Asking the file system for each image twice would take long.
            if strict or not usable:
                products = find(part, self.images)
                usable = usable or bool(products.ids)
                first = first or next(iter(products.skipped), None)
            if strict and first:
                raise LongtailorError(
                    f"{self.source}, row {first.row}: {first.what}: {first.reason} (strict)"
                )
            yield part
        if not usable and first:
            if self.images is None:
                raise LongtailorError(f"{first.what}: {first.reason}")
            raise no_products(self.source, first, self.images)


def find(listed: pl.DataFrame, images: Path | None) -> Products:
    """Find the images of products, and tell which products can be used.

    Parameters
    ----------
    listed : DataFrame
        A part of `Inputs.stream`, or some of its rows.
    images : Path or None
        That of `Inputs`.
    """
    if images is not None:
        return find_products(listed, images)
    given = listed.filter(pl.col(_PATH).is_not_null())
    refused = listed.filter(pl.col(_PATH).is_null())
    return Products(
        given[ID].to_list(),
        given[IMAGE].to_list(),
        [Path(path) for path in given[_PATH]],
        [None] * len(given),
        given[ROW].to_list(),
        [
            Skip(row, name, "its path is no Unicode: rename it")
            for row, name in refused.select(ROW, ID).iter_rows()
        ],
    )


def find_inputs(given: Sequence[Path], images: Path | None = None) -> Inputs:
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
        If something does not exist, or a folder holds no image.
    """
    catalogs = [path for path in given if path.suffix.lower() in CATALOG_SUFFIXES]
    if catalogs and len(given) > 1:
        raise UsageError(f"{catalogs[0]} is a catalogue; score it by itself")
    if catalogs:
        if not catalogs[0].exists():
            raise LongtailorError(f"{catalogs[0]}: no such file")
        return Inputs(catalogs[0], (images or catalogs[0].parent).absolute())
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
    names = [name for name, _ in once.values()]
    if len(set(names)) < len(names):
        names = [str(file) for _, file in once.values()]
    return Inputs(given[0], files=_listed(names, list(once)))


def _listed(names: Sequence[str], files: Sequence[Path]) -> pl.DataFrame:
    shown = [name.encode(errors="backslashreplace").decode() for name in names]
    return pl.DataFrame(
        {
            ROW: pl.Series(range(1, len(names) + 1), dtype=pl.Int64),
            ID: shown,
            IMAGE: shown,
            TEXT: [""] * len(names),
            _PATH: [str(file) if _is_unicode(str(file)) else None for file in files],
        }
    )


def _is_unicode(text: str) -> bool:
    # A name of other bytes comes from the file system with surrogates in it.
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_image(path: Path) -> bool:
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in readable_formats() and path.is_file()
