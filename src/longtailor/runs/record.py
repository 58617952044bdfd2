"""What a run records of itself: `run.json`."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import longtailor
from longtailor.errors import LongtailorError, UsageError
from longtailor.files import read_json, remove_leftovers, write_json

RECORD = "run.json"
RUNNING, FINISHED = "running", "finished"
_PACKAGES = (
    "torch",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "pillow",
    "openvino",
    "transformers",
)


def versions() -> dict[str, str | None]:
    """Give the versions of what figures depend on; None for what is not installed."""
    found: dict[str, str | None] = {
        "longtailor": longtailor.__version__,
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def open_run(folder: Path, identity: dict[str, Any], *, resume: bool) -> bool:
    """See whether a run may be written to a folder, and begin it if the folder is new.

    A run that is there already stays as it is until `claim_run`.

    Parameters
    ----------
    folder : Path
    identity : dict
        What decides the figures: command, configuration, data fingerprint.
    resume : bool
        Go on with the run that is there.

    Returns
    -------
    bool
        Whether the run is finished already and nothing is to be done.

    Raises
    ------
    LongtailorError
        If the folder holds something that is no run.
    UsageError
        If `resume` is asked for and the run there is another one.
    """
    if folder.exists() and not folder.is_dir():
        raise LongtailorError(f"{folder} is a file; give --out a folder")
    earlier = _read(folder)
    if earlier is None:
        if folder.is_dir() and any(folder.iterdir()):
            raise LongtailorError(
                f"{folder} is not empty and holds no run; give --out a new folder"
            )
    elif resume:
        changed = [name for name, value in identity.items() if earlier.get(name) != value]
        if changed:
            raise UsageError(
                f"{folder} was begun with another {' and '.join(changed)}; "
                "resume with the same command, or give another --out"
            )
        if earlier.get("status") == FINISHED:
            return True
    if earlier is None:
        _begin(folder, identity)
    return False


def is_finished(folder: Path, identity: dict[str, Any]) -> bool:
    """Say whether a folder holds this run, finished; nothing is written."""
    earlier = _read(folder) or {}
    same = all(earlier.get(name) == value for name, value in identity.items())
    return same and earlier.get("status") == FINISHED


def claim_run(folder: Path, identity: dict[str, Any]) -> None:
    """Make place for the files of a run.

    A run that is there already is never lost: the same command writes it again with the same
    figures, and any other run is moved aside to `NAME.1`, `NAME.2`, ... It is called when there
    are figures to write, so that a command that fails before displaces nothing.

    Parameters
    ----------
    folder : Path
        Absolute.
    identity : dict
    """
    earlier = _read(folder)
    holds_files = folder.is_dir() and any(file.name != RECORD for file in folder.iterdir())
    if earlier and holds_files and any(earlier.get(k) != value for k, value in identity.items()):
        aside = _free_name(folder)
        folder.rename(aside)
        print(f"kept the earlier run as {aside}", file=sys.stderr)
    _begin(folder, identity)


def _begin(folder: Path, identity: dict[str, Any]) -> None:
    write_json(folder / RECORD, {**identity, "status": RUNNING, "versions": versions()})


def close_run(folder: Path, identity: dict[str, Any], **more: Any) -> None:
    """Write the record of a finished run, and remove what it left when it was killed before."""
    remove_leftovers(folder)
    write_json(
        folder / RECORD,
        {**identity, "status": FINISHED, "versions": versions(), "cores": os.cpu_count(), **more},
    )


def read_run(folder: Path) -> dict[str, Any]:
    """Read the record of a run.

    Raises
    ------
    LongtailorError
        If there is none, or it is damaged.
    """
    record = _read(folder)
    if record is None:
        raise LongtailorError(f"{folder} holds no run ({RECORD} is missing)")
    return record


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = read_json(path)
    except ValueError as error:
        raise LongtailorError(f"{path} is damaged: {error}") from error
    if not isinstance(record, dict):
        raise LongtailorError(f"{path} is damaged: it holds no object")
    return record


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    return aside
