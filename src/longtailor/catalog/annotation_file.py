"""A file of decisions that several processes append to, and that loses none of them."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longtailor.errors import LongtailorError, UsageError

REVIEW = "review:"
"""How columns begin that say how a row came about; no attribute can be named so."""
DECISION, LABEL, TIME = f"{REVIEW}decision", f"{REVIEW}label", f"{REVIEW}time"

_BLOCK = 65_536


class AnnotationFile:
    """One JSON object a line, each on the disk before `append` returns.

    Whoever appends holds the lock of the file for that long, so that lines of several processes
    never mix. What a crash left of a line was never acknowledged: it is moved to `FILE.torn`,
    and the next line stands by itself.

    Parameters
    ----------
    path : Path
        A `.jsonl` file; it is made if it is missing.

    Attributes
    ----------
    torn : int
        Unfinished lines that this object moved aside.
    broken : list of int
        Lines that are no JSON object, which are passed over.

    Raises
    ------
    UsageError
        If the name does not end in `.jsonl`.
    LongtailorError
        If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".jsonl":
            raise UsageError(f"--annotations {path}: decisions are appended to a .jsonl file")
        self.path = path
        self.torn = 0
        self.broken: list[int] = []
        self._inode = 0
        self._offset = 0
        self._line = 0
        with self._locked() as file:
            self._mend(file)

    @property
    def aside(self) -> Path:
        """Where unfinished lines are kept."""
        return self.path.with_name(f"{self.path.name}.torn")

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line; when this returns, it is on the disk.

        Raises
        ------
        LongtailorError
            If it cannot be written, and then nothing of it is.
        """
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        with self._locked() as file:
            self._mend(file)
            size = os.fstat(file).st_size
            try:
                _write(file, line)
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise

    def news(self) -> tuple[list[dict[str, Any]], bool]:
        """Read the lines that were added since the last call, whoever added them.

        Returns
        -------
        records : list of dict
        afresh : bool
            Whether they are all of the file: at the first call, or if another file took its place.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                afresh = status.st_ino != self._inode or status.st_size < self._offset
                if afresh:
                    self._inode, self._offset, self._line, self.broken = status.st_ino, 0, 0, []
                file.seek(self._offset)
                content = file.read(status.st_size - self._offset)
        except FileNotFoundError:
            afresh, self._inode = self._inode != 0, 0
            return [], afresh
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        records = []
        for line in whole.split(b"\n")[:-1]:
            self._line += 1
            record = _parsed(line)
            if record is not None:
                records.append(record)
            elif line.strip():
                self.broken.append(self._line)
        return records, afresh

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
            finally:
                os.close(file)
            if new:
                # The name of a new file is on the disk only with its folder.
                folder = os.open(self.path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
        except OSError as error:
            raise LongtailorError(f"cannot write {self.path}: {error.strerror or error}") from error

    def _mend(self, file: int) -> None:
        """Make the file end with a whole line."""
        size = os.fstat(file).st_size
        start, tail = size, b""
        while start and b"\n" not in tail:
            step = min(_BLOCK, start)
            start -= step
            tail = os.pread(file, step, start) + tail
        tail = tail[tail.rfind(b"\n") + 1 :]
        if not tail:
            return
        if _parsed(tail) is not None:
            _write(file, b"\n")
            return
        with self.aside.open("ab") as aside:
            aside.write(tail + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        os.ftruncate(file, size - len(tail))
        self.torn += 1


def torn_line(path: Path) -> int | None:
    """Give the number of the last line if it is unfinished: no newline, and no JSON object."""
    content = path.read_bytes()
    tail = content[content.rfind(b"\n") + 1 :]
    if not tail.strip() or _parsed(tail) is not None:
        return None
    return content.count(b"\n") + 1


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
