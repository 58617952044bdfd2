"""Learn rare attributes from the labels a catalogue already has."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longtailor import objectives as objectives
    from longtailor.catalog import Catalog as Catalog
    from longtailor.detector import Detector as Detector
    from longtailor.fitting import fit as fit
    from longtailor.studies.compare import compare as compare
    from longtailor.studies.curve import curve as curve

__version__ = "0.1.0"

__all__ = ["Catalog", "Detector", "compare", "curve", "fit", "objectives"]

_HOMES = {
    "Catalog": "longtailor.catalog",
    "Detector": "longtailor.detector",
    "compare": "longtailor.studies.compare",
    "curve": "longtailor.studies.curve",
    "fit": "longtailor.fitting",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: PyTorch takes seconds."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "objectives":
        return importlib.import_module("longtailor.objectives")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
