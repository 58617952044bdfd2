"""Decoding photos as shops have them, or saying in one line why not."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from longtailor.errors import ImageError, UsageError

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")
"""Pillow's names of what is decoded: photos. Others reach interpreters (EPS) or odd decoders."""
MAX_MEGAPIXELS = 100.0
"""The largest image that is decoded, unless `LONGTAILOR_MAX_MEGAPIXELS` says otherwise."""

MAX_SCANS = 50
"""Passes over its pixels that a progressive JPEG may take. Encoders write about ten. Each can be a
hundred bytes in the file, and takes a good part of a second where there are many pixels."""


def open_image(
    source: str | os.PathLike[str] | IO[bytes],
    *,
    draft: int | None = None,
    name: str | None = None,
    max_megapixels: float | None = None,
) -> Image.Image:
    """Decode an image as an upright RGB picture.

    The EXIF orientation is applied, transparency is laid on white, 16-bit grey is scaled to
    8 bits, and of an animation the first frame is taken.

    Parameters
    ----------
    source : path or binary file object
        The image, in one of `FORMATS`.
    draft : int, optional
        The size in pixels that the picture will be resized to. A JPEG may then be decoded at
        a half, a quarter or an eighth of its size, as long as both sides keep at least twice
        `draft` pixels, so that the resampling that follows still has more than it needs.
    name : str, optional
        What errors call the image. Default: its path.
    max_megapixels : float, optional
        A limit that takes the place of `LONGTAILOR_MAX_MEGAPIXELS`.

    Returns
    -------
    PIL.Image.Image
        In mode RGB, decoded, with no open file behind it.

    Raises
    ------
    ImageError
        If the file is missing, empty, truncated or no image; if its header announces more
        than `LONGTAILOR_MAX_MEGAPIXELS` (default 100; Pillow's own limit of 178 stands above
        it) or a JPEG has more than `MAX_SCANS`, in which case nothing is decoded; or if its
        pixels have no defined range.
    """
    name = name or _name(source)
    limit = _max_pixels() if max_megapixels is None else 1e6 * max_megapixels
    try:
        with Image.open(source, formats=readable_formats()) as image:
            if image.width * image.height > limit:
                setter = " (LONGTAILOR_MAX_MEGAPIXELS sets the limit)"
                raise ImageError(
                    f"{name}: {image.width} x {image.height} pixels, more than "
                    f"{limit / 1e6:g} megapixels{setter if max_megapixels is None else ''}"
                )
            if image.info.get("progressive") and _count_scans(image) > MAX_SCANS:
                raise ImageError(f"{name}: a JPEG of more than {MAX_SCANS} scans: not decoded")
            if draft is not None:
                image.draft(None, (2 * draft, 2 * draft))
            return _rgb(ImageOps.exif_transpose(image), name)
    except ImageError:
        raise
    # Pillow's decoders raise whatever a broken header leads them to: OSError, SyntaxError,
    # ValueError, struct.error, zlib.error, ...
    except Exception as error:
        raise ImageError(f"{name}: {_reason(error, source)}") from error


@cache
def readable_formats() -> tuple[str, ...]:
    """Give those of `FORMATS` that this Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def upright_rgb(image: Image.Image, *, name: str = "image") -> Image.Image:
    """Make of a Pillow image what `open_image` would have made of its file.

    Raises
    ------
    ImageError
        If it cannot be decoded, or its pixels have no defined range.
    """
    try:
        return _rgb(ImageOps.exif_transpose(image), name)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: cannot be decoded ({_one_line(error)})") from error


def read_image_file(path: Path) -> bytes:
    """Read the content of an image file, undecoded.

    Raises
    ------
    ImageError
        If the file is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {_reason(error, path)}") from error


def _count_scans(image: ImageFile.ImageFile) -> int:
    file = image.fp
    assert file is not None
    at = file.tell()
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    file.seek(at)
    return scans


def _rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode == "F":
        raise ImageError(f"{name}: floating-point pixels have no defined range; save with 8 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = _eight_bits(image, name)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer)
    return image.convert("RGB")


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name}: 32-bit pixels have no defined range; save with 8 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def _reason(error: Exception, source: str | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels, not decoded ({_one_line(error)})"
    if isinstance(error, UnidentifiedImageError):
        return "the file is empty" if _is_empty(source) else "no image in a known format"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    return f"cannot be decoded ({_one_line(error)})"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _is_empty(source: str | os.PathLike[str] | IO[bytes]) -> bool:
    if isinstance(source, str | os.PathLike):
        return Path(source).stat().st_size == 0
    return source.seek(0, os.SEEK_END) == 0


def _name(source: str | os.PathLike[str] | IO[bytes]) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return str(getattr(source, "name", "image"))


def _max_pixels() -> float:
    stated = os.environ.get("LONGTAILOR_MAX_MEGAPIXELS")
    try:
        return 1e6 * (MAX_MEGAPIXELS if stated is None else float(stated))
    except ValueError:
        raise UsageError(f"LONGTAILOR_MAX_MEGAPIXELS is no number: {stated}") from None
