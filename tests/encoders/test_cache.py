from __future__ import annotations

import dataclasses
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from longtailor.encoders.cache import (
    CacheEntry,
    EmbeddingCache,
    FileState,
    cache_folder,
    remove_cache,
)
from longtailor.encoders.encoder import Encoder
from longtailor.errors import LongtailorError, UsageError


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EmbeddingCache]:
    with EmbeddingCache(tmp_path / "cache") as opened:
        yield opened


def entry(number: int) -> CacheEntry:
    vector = np.random.default_rng(number).standard_normal(6).astype(np.float32)
    return CacheEntry(number.to_bytes(32), vector, FileState(f"/{number}.jpg", 100, number))


def test_what_was_put_is_found_by_file_and_by_content(
    cache: EmbeddingCache, encoder: Encoder
) -> None:
    kept = entry(1)
    cache.put(encoder, [kept])
    for found in (
        cache.find_file(encoder, kept.file),
        cache.find_content(encoder, kept.digest),
    ):
        assert found is not None
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, kept.vector)


def test_it_outlives_the_process_that_filled_it(tmp_path: Path, encoder: Encoder) -> None:
    with EmbeddingCache(tmp_path) as cache:
        cache.put(encoder, [entry(1)])
    with EmbeddingCache(tmp_path) as cache:
        assert cache.find_content(encoder, entry(1).digest) is not None


def test_what_is_held_can_be_used_without_adding_to_it(tmp_path: Path, encoder: Encoder) -> None:
    with EmbeddingCache(tmp_path) as cache:
        cache.put(encoder, [entry(1)])
    with EmbeddingCache(tmp_path, fill=False) as cache:
        cache.put(encoder, [entry(2)])
        assert cache.find_content(encoder, entry(1).digest) is not None
        assert cache.find_content(encoder, entry(2).digest) is None


@pytest.mark.parametrize("change", [{"path": "/2.jpg"}, {"size": 101}, {"mtime_ns": 2}])
def test_a_changed_file_is_not_found(
    cache: EmbeddingCache, encoder: Encoder, change: dict[str, object]
) -> None:
    kept = entry(1)
    cache.put(encoder, [kept])
    assert cache.find_file(encoder, dataclasses.replace(kept.file, **change)) is None  # type: ignore[arg-type]


def test_encoders_do_not_share_embeddings(
    cache: EmbeddingCache, make_encoder: Callable[..., Encoder]
) -> None:
    cache.put(make_encoder(), [entry(1)])
    other = make_encoder(image_size=32)
    assert cache.find_content(other, entry(1).digest) is None
    assert cache.find_file(other, entry(1).file) is None


def test_a_file_that_changed_is_remembered_as_it_is_now(
    cache: EmbeddingCache, encoder: Encoder
) -> None:
    before, after = entry(1), entry(2)
    after = dataclasses.replace(after, file=dataclasses.replace(after.file, path="/1.jpg"))
    cache.put(encoder, [before])
    cache.put(encoder, [after])
    assert cache.find_file(encoder, before.file) is None
    np.testing.assert_array_equal(cache.find_file(encoder, after.file), after.vector)


def test_embeddings_are_little_endian_float32_and_their_length_is_checked(
    cache: EmbeddingCache, encoder: Encoder
) -> None:
    kept = entry(1)
    cache.put(encoder, [kept])
    with sqlite3.connect(cache.path) as database:
        (blob,) = database.execute("SELECT vector FROM embeddings").fetchone()
        assert blob == kept.vector.astype("<f4").tobytes()
        database.execute("UPDATE embeddings SET vector = ?", (blob[:-1],))
    with pytest.raises(LongtailorError, match=r"damaged \(an embedding of 23 bytes, not 24"):
        cache.find_content(encoder, kept.digest)


def test_it_tells_what_it_holds_and_forgets_it(
    cache: EmbeddingCache, make_encoder: Callable[..., Encoder]
) -> None:
    small, large, other = make_encoder(), make_encoder(image_size=32), make_encoder("other")
    cache.put(small, [entry(n) for n in range(2000)])
    cache.put(large, [entry(1), entry(2)])
    cache.put(other, [entry(3)])
    assert sorted((held.name, held.embeddings, held.bytes) for held in cache.encoders()) == [
        ("averages", 2, 48),
        ("averages", 2000, 48_000),
        ("other", 1, 24),
    ]
    before = cache.size()
    assert before > 48_000
    with pytest.raises(UsageError, match="nothing of none; it holds averages, other"):
        cache.clear("none")
    assert cache.clear("averages") == 2002
    assert cache.size() < before / 2
    assert cache.find_content(small, entry(1).digest) is None
    assert cache.find_file(other, entry(3).file) is not None
    assert cache.clear() == 1
    assert cache.encoders() == []
    assert cache.clear() == 0


def test_a_damaged_file_is_named_and_can_be_removed(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "embeddings.sqlite").write_bytes(b"this is no database, and never was" * 100)
    with pytest.raises(LongtailorError, match=r"embeddings\.sqlite is damaged .*cache clear"):
        EmbeddingCache(tmp_path)
    remove_cache(tmp_path)
    assert list(tmp_path.iterdir()) == []
    EmbeddingCache(tmp_path).close()


def test_damage_inside_the_file_is_an_error_and_no_wrong_number(
    tmp_path: Path, encoder: Encoder
) -> None:
    with EmbeddingCache(tmp_path) as cache:
        cache.put(encoder, [entry(n) for n in range(2000)])
    path = tmp_path / "embeddings.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = os.urandom(len(content) - 4096 * 4)
    path.write_bytes(content)
    with EmbeddingCache(tmp_path) as cache, pytest.raises(LongtailorError, match="damaged"):
        [cache.find_content(encoder, entry(n).digest) for n in range(2000)]


def test_a_full_disk_is_warned_of_once_and_keeps_what_is_there(
    cache: EmbeddingCache, encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    cache.put(encoder, [entry(1)])
    # SQLite reports the same error when its page limit is reached as when the disk is full.
    cache._database.execute("PRAGMA max_page_count = 1")
    with caplog.at_level(logging.WARNING, "longtailor"):
        cache.put(encoder, [entry(n) for n in range(2, 3000)])
        cache.put(encoder, [entry(n) for n in range(2, 3000)])
    assert len(caplog.records) == 1
    assert "full" in caplog.text
    assert "LONGTAILOR_CACHE" in caplog.text
    assert cache.find_content(encoder, entry(1).digest) is not None
    assert cache.find_content(encoder, entry(2).digest) is None
    cache._database.execute("PRAGMA max_page_count = 1000000")
    cache.put(encoder, [entry(2)])
    assert cache.find_content(encoder, entry(2).digest) is not None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LongtailorError, match=r"cannot use .* set LONGTAILOR_CACHE"):
        EmbeddingCache(tmp_path / "file" / "cache")


def test_the_folder_is_the_environments_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LONGTAILOR_CACHE", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "longtailor"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "longtailor"
    monkeypatch.setenv("LONGTAILOR_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
