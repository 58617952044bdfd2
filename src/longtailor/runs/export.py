"""`longtailor export`: the detector of a run as a file that other engines run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from longtailor.catalog import IMAGE, TEXT
from longtailor.catalog.images import open_image
from longtailor.catalog.products import read_products
from longtailor.detector import DESCRIPTION, FOLDER, Detector
from longtailor.errors import ImageError, LongtailorError
from longtailor.export import Exported, export_onnx
from longtailor.export.onnx_file import require_exportable
from longtailor.export.parity import Sample
from longtailor.runs.record import RECORD, read_run

COMPARED = 32
"""Products of the catalogue that the file and the detector are compared on."""


@dataclass(frozen=True)
class ExportedRun:
    """What was written, and the catalogue it was checked on; None where that is gone."""

    exported: Exported
    catalog: Path | None


def export_run(run: Path, out: Path) -> ExportedRun:
    """Write the detector of a run as an ONNX file, and see that it scores as the detector does.

    It is tried on products of the catalogue that the run was fitted to, or on drawn products where
    that cannot be found.

    Parameters
    ----------
    run : Path
        A folder that fit wrote, or its `detector` folder.
    out : Path
        A file that ends in `.onnx`.

    Raises
    ------
    UsageError
        If `out` is no ONNX file's name.
    LongtailorError
        If the run cannot be used, a package is missing, or the file does not score as the detector.
    """
    require_exportable(out)
    detector = Detector.load(run)
    folder = run if (run / DESCRIPTION).is_file() else run / FOLDER
    sha256 = hashlib.sha256((folder / DESCRIPTION).read_bytes()).hexdigest()
    catalog, images = _catalog_of(run)
    sample = None if catalog is None else sample_of(catalog, images, detector)
    exported = export_onnx(detector, out, sample, sha256=sha256)
    return ExportedRun(exported, None if sample is None else catalog)


def _catalog_of(run: Path) -> tuple[Path | None, Path | None]:
    """Give the catalogue of a run and the folder of its images, if they are recorded."""
    if not (run / RECORD).is_file():
        return None, None
    record = read_run(run)
    catalog, images = record.get("catalog"), record.get("configuration", {}).get("images")
    return (None if catalog is None else Path(catalog)), (None if images is None else Path(images))


def sample_of(catalog: Path, images: Path | None, detector: Detector) -> Sample | None:
    """Give products of a catalogue, spread over it; None where it has none that can be used."""
    try:
        products = read_products(catalog, images=images)
    except (LongtailorError, OSError):
        return None
    photos: list[Path | None] = []
    texts: list[str | None] = []
    for at in _spread(len(products.ids)):
        photo = products.paths[at] if IMAGE in detector.encoders else None
        text = products.texts[at] if TEXT in detector.encoders else None
        photo = photo if photo is not None and _opens(photo) else None
        if photo is not None or text is not None:
            photos.append(photo)
            texts.append(text)
        if len(photos) == COMPARED:
            break
    return Sample(photos, texts) if photos else None


def _spread(count: int) -> Sequence[int]:
    """Give the positions of products, first those that are spread over all, then the rest."""
    first = np.linspace(0, count - 1, min(COMPARED, count)).astype(int)
    return [*first.tolist(), *np.setdiff1d(np.arange(count), first).tolist()]


def _opens(path: Path) -> bool:
    try:
        open_image(path)
    except ImageError:
        return False
    return True
