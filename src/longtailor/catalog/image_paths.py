"""Where the images of a catalogue are, none outside the images folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path


def find_images(
    folder: Path, names: Sequence[str]
) -> tuple[list[Path | None], list[tuple[int, str]]]:
    """Find image files under a folder.

    A path that is absolute, or leads out of the folder by `..` or by a symbolic link, is refused:
    a catalogue from elsewhere must not read files that nobody meant to show it.

    Parameters
    ----------
    folder : Path
        The images folder, which must exist.
    names : sequence of str
        Paths relative to `folder`; `""` where a product has no image.

    Returns
    -------
    paths : list of (Path or None)
        Absolute; None where there is no image or it cannot be used.
    refused : list of (int, str)
        Position in `names` and reason, for each image that cannot be used.
    """
    root = os.path.realpath(folder)
    inside = root.rstrip(os.sep) + os.sep
    base = folder.absolute()
    safe_parents: dict[str, bool] = {"": True}
    paths: list[Path | None] = []
    refused: list[tuple[int, str]] = []

    def is_inside(path: str) -> bool:
        real = os.path.realpath(path)
        return real == root or real.startswith(inside)

    def why_not(name: str) -> str | None:
        if name.startswith("/"):
            return "an absolute path; paths are relative to the images folder"
        parent = os.path.dirname(name)  # noqa: PTH120 (a million Path objects are slow)
        full = os.path.join(root, name)  # noqa: PTH118
        try:
            if parent not in safe_parents:
                safe_parents[parent] = is_inside(os.path.dirname(full))  # noqa: PTH120
            if not safe_parents[parent]:
                return f"leads out of the images folder {folder}"
            status = os.lstat(full)
            if stat.S_ISLNK(status.st_mode):
                if not is_inside(full):
                    return f"a link that leads out of the images folder {folder}"
                status = os.stat(full)  # noqa: PTH116
        except (OSError, ValueError):
            return f"no such file in {folder}"
        return None if stat.S_ISREG(status.st_mode) else "not a file"

    for at, name in enumerate(names):
        reason = why_not(name) if name else None
        if reason:
            refused.append((at, reason))
        paths.append(base / name if name and not reason else None)
    return paths, refused
