"""Writing files whole or not at all, and reading those of others."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longtailor.errors import LongtailorError

_TEMPORARY = ".longtailor-"


@contextlib.contextmanager
def replacing(path: Path, *, folder: Path | None = None) -> Iterator[Path]:
    """Give a temporary name beside `path` and rename it to `path` when the block succeeds.

    Readers see the old file or the new one, never a part. If the block fails, the temporary
    file is removed and what stood at `path` before is untouched.

    Parameters
    ----------
    path : Path
        The file to write. Its folder is made if it is missing.
    folder : Path, optional
        Where the temporary file is made, if not beside `path`: a folder on the same file system
        that is removed some day, and with it what a killed process left there.

    Yields
    ------
    Path
        The temporary name to write to, with the same suffix as `path`.

    Raises
    ------
    LongtailorError
        If the file cannot be written (full disk, no permission).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=folder or path.parent, prefix=f"{_TEMPORARY}{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
    except OSError as error:
        raise LongtailorError(f"cannot write {path}: {error.strerror or error}") from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files only their owner can read; a result is meant to be shared.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise LongtailorError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as strict JSON (no NaN), whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that may come from elsewhere.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON, or its values are nested too deeply to be read.
    """
    try:
        return json.loads(path.read_bytes())
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote left in a folder, at any depth."""
    for file in folder.rglob(f"{_TEMPORARY}*"):
        file.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
