"""The embedding cache: embeddings by content and encoder, in one SQLite file."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from longtailor.encoders.encoder import Embedding
from longtailor.encoders.text import AnyEncoder
from longtailor.errors import LongtailorError, UsageError

log = logging.getLogger("longtailor")

_TABLES = """
CREATE TABLE IF NOT EXISTS encoders (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS embeddings (
    encoder INTEGER NOT NULL, digest BLOB NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (encoder, digest));
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL) WITHOUT ROWID;
"""
_FILE = "embeddings.sqlite"
_WAIT_SECONDS = 60.0


def cache_folder() -> Path:
    """Give the folder of the cache: `$LONGTAILOR_CACHE`, else the user's cache folder."""
    stated = os.environ.get("LONGTAILOR_CACHE")
    if stated:
        return Path(stated).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "longtailor"


def cache_path() -> Path:
    """Give the file of the cache in `cache_folder()`."""
    return cache_folder() / _FILE


class DamagedCacheError(LongtailorError):
    """A cache that is no whole database any more."""


@dataclass(frozen=True)
class FileState:
    """A file as it was when it was read: while this stays the same, so does its content."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Ask the file system. Raises OSError if there is no such file."""
        stat = path.stat()
        return cls(os.path.abspath(path), stat.st_size, stat.st_mtime_ns)  # noqa: PTH100


@dataclass(frozen=True)
class CacheEntry:
    """What is to be kept of one embedded image or text; a text has no file."""

    digest: bytes
    vector: Embedding
    file: FileState | None = None


@dataclass(frozen=True)
class CachedEncoder:
    """How much the cache holds of one encoder."""

    name: str
    key: str
    embeddings: int
    bytes: int


class EmbeddingCache:
    """Embeddings by content (sha256) and encoder, shared by all runs.

    A second table remembers which content each file (path, size, time of change) had, so that
    a catalogue seen before is embedded without reading an image. Several threads and processes
    may use one cache. What has been put survives the end of the process, however it ends.

    Parameters
    ----------
    folder : Path, optional
        Default: `cache_folder()`. Made if it is missing.
    fill : bool
        Keep what is put. If false, what is held is found, and nothing is added.

    Raises
    ------
    LongtailorError
        If the folder or the file cannot be written.
    DamagedCacheError
        If the file is damaged.
    """

    def __init__(self, folder: Path | None = None, *, fill: bool = True) -> None:
        self.path = (folder or cache_folder()) / _FILE
        self._fill = fill
        self._lock = threading.Lock()
        self._warned = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        with self._guarded():
            self._database = sqlite3.connect(
                self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def find_file(self, encoder: AnyEncoder, file: FileState) -> Embedding | None:
        """Give the embedding of an unchanged file, without reading it."""
        return self._find(
            encoder,
            "SELECT vector FROM files JOIN embeddings USING (digest) JOIN encoders "
            "ON encoders.id = encoder WHERE key = ? AND path = ? AND size = ? AND mtime_ns = ?",
            (file.path, file.size, file.mtime_ns),
        )

    def find_content(self, encoder: AnyEncoder, digest: bytes) -> Embedding | None:
        """Give the embedding of a content, under whatever name it was seen."""
        return self._find(
            encoder,
            "SELECT vector FROM embeddings JOIN encoders ON encoders.id = encoder "
            "WHERE key = ? AND digest = ?",
            (digest,),
        )

    def put(self, encoder: AnyEncoder, entries: Iterable[CacheEntry]) -> None:
        """Keep embeddings, all or none. A full disk is warned of once, and no error."""
        entries = list(entries)
        if not (entries and self._fill):
            return
        try:
            with self._guarded(full_is_error=False), self._lock, self._transaction():
                self._database.execute(
                    "INSERT OR IGNORE INTO encoders (key, name) VALUES (?, ?)",
                    (encoder.cache_key, encoder.name),
                )
                self._database.executemany(
                    "INSERT OR IGNORE INTO embeddings SELECT id, ?, ? FROM encoders WHERE key = ?",
                    [
                        (e.digest, e.vector.astype("<f4").tobytes(), encoder.cache_key)
                        for e in entries
                    ],
                )
                self._database.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                    [
                        (e.file.path, e.file.size, e.file.mtime_ns, e.digest)
                        for e in entries
                        if e.file is not None
                    ],
                )
        except sqlite3.OperationalError as error:
            if not self._warned:
                self._warned = True
                log.warning(
                    "cannot write the embedding cache %s (%s): going on without keeping "
                    "embeddings; free some space, or set LONGTAILOR_CACHE to another folder",
                    self.path,
                    error,
                )

    def encoders(self) -> list[CachedEncoder]:
        """List what is held, encoder by encoder."""
        with self._guarded(), self._lock:
            rows = self._database.execute(
                "SELECT name, key, count(*), sum(length(vector)) FROM embeddings "
                "JOIN encoders ON encoders.id = encoder GROUP BY encoder ORDER BY name, key"
            ).fetchall()
        return [CachedEncoder(*row) for row in rows]

    def size(self) -> int:
        """Give the bytes that the cache takes on the disk."""
        log_file, _ = _companions(self.path)
        return sum(file.stat().st_size for file in (self.path, log_file) if file.exists())

    def clear(self, name: str | None = None) -> int:
        """Forget the embeddings of an encoder, or of all, and give the disk space back.

        Parameters
        ----------
        name : str, optional
            The name of an encoder.

        Returns
        -------
        int
            How many embeddings were forgotten.

        Raises
        ------
        UsageError
            If nothing is held of that encoder.
        """
        held = self.encoders()
        if name is not None and name not in {encoder.name for encoder in held}:
            names = ", ".join(sorted({encoder.name for encoder in held})) or "nothing"
            raise UsageError(f"the cache holds nothing of {name}; it holds {names}")
        with self._guarded(), self._lock:
            with self._transaction():
                self._database.execute(
                    "DELETE FROM embeddings WHERE encoder IN "
                    "(SELECT id FROM encoders WHERE ?1 IS NULL OR name = ?1)",
                    (name,),
                )
                self._database.execute(
                    "DELETE FROM encoders WHERE ?1 IS NULL OR name = ?1", (name,)
                )
                self._database.execute(
                    "DELETE FROM files WHERE digest NOT IN (SELECT digest FROM embeddings)"
                )
            self._database.execute("VACUUM")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(encoder.embeddings for encoder in held if name in (None, encoder.name))

    def _find(
        self, encoder: AnyEncoder, query: str, values: tuple[object, ...]
    ) -> Embedding | None:
        with self._guarded(), self._lock:
            row = self._database.execute(query, (encoder.cache_key, *values)).fetchone()
        if row is None:
            return None
        if len(row[0]) != 4 * encoder.dim:
            raise self._damaged(f"an embedding of {len(row[0])} bytes, not {4 * encoder.dim}")
        return np.frombuffer(row[0], "<f4").astype(np.float32, copy=False)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            # SQLite has rolled back by itself if the disk was full.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _guarded(self, *, full_is_error: bool = True) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if not full_is_error:
                raise
            raise self._unusable(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _unusable(self, reason: str) -> LongtailorError:
        return LongtailorError(
            f"cannot use the embedding cache {self.path} ({reason}): set LONGTAILOR_CACHE to "
            "a folder that can be written"
        )

    def _damaged(self, reason: str) -> DamagedCacheError:
        return DamagedCacheError(
            f"the embedding cache {self.path} is damaged ({reason}): remove it with "
            "`longtailor cache clear`, its embeddings will be computed again"
        )


def remove_cache(folder: Path | None = None) -> None:
    """Remove the cache's files, damaged or not."""
    path = (folder or cache_folder()) / _FILE
    for file in (path, *_companions(path)):
        file.unlink(missing_ok=True)


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
