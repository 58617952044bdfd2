from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from longtailor.catalog.images import open_image
from longtailor.encoders import EmbeddingCache, embed, embed_images, stream_embeddings
from longtailor.encoders.encoder import Embedding, Encoder
from longtailor.encoders.preprocessing import Pixels
from longtailor.errors import LongtailorError

Draw = Callable[..., list[Path]]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[EmbeddingCache]:
    with EmbeddingCache(tmp_path / "cache") as opened:
        yield opened


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes any reading of an image an error from when it is called."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an image was read")

    def start() -> None:
        monkeypatch.setattr(embed, "open_image", refuse)
        monkeypatch.setattr(embed, "read_image_file", refuse)

    return start


def expected(paths: list[Path], encoder: Encoder) -> Embedding:
    return np.concatenate(
        [encoder.encode(encoder.preprocess(open_image(path))[None]) for path in paths]
    )


@pytest.mark.parametrize("batch_size", [1, 3, 10, 64])
def test_embeddings_stand_in_the_order_of_the_paths(
    photos: list[Path], encoder: Encoder, batch_size: int
) -> None:
    result = embed_images(photos, encoder, cache=None, batch_size=batch_size)
    np.testing.assert_array_equal(result.values, expected(photos, encoder))
    assert (result.cached, result.computed, result.failed) == (0, 10, [])
    assert result.usable.all()


def test_no_photos_give_no_embeddings(encoder: Encoder, cache: EmbeddingCache) -> None:
    assert embed_images([], encoder, cache=cache).values.shape == (0, 6)


def test_a_second_time_no_image_is_read(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache, no_reading: Callable[[], None]
) -> None:
    first = embed_images(photos, encoder, cache=cache)
    no_reading()
    second = embed_images(photos, encoder, cache=cache)
    np.testing.assert_array_equal(first.values, second.values)
    assert (second.cached, second.computed) == (10, 0)
    assert encoder.backend.seen == 10  # type: ignore[attr-defined]


def test_a_relative_path_is_the_same_file(
    photos: list[Path],
    encoder: Encoder,
    cache: EmbeddingCache,
    no_reading: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    embed_images(photos, encoder, cache=cache)
    no_reading()
    monkeypatch.chdir(photos[0].parent)
    names = [Path(photo.name) for photo in photos]
    assert embed_images(names, encoder, cache=cache).cached == 10


def test_a_copy_is_known_by_its_content(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache, no_reading: Callable[[], None]
) -> None:
    first = embed_images(photos, encoder, cache=cache)
    copies = [photo.with_name(f"copy-{photo.name}") for photo in photos]
    for photo, copy in zip(photos, copies, strict=True):
        copy.write_bytes(photo.read_bytes())
    second = embed_images(copies, encoder, cache=cache)
    assert (second.cached, second.computed) == (10, 0)
    np.testing.assert_array_equal(first.values, second.values)
    no_reading()
    assert embed_images(copies, encoder, cache=cache).cached == 10


def test_a_changed_photo_is_embedded_again(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache
) -> None:
    before = embed_images(photos, encoder, cache=cache).values
    Image.new("RGB", (20, 24), "red").save(photos[3])
    after = embed_images(photos, encoder, cache=cache)
    assert after.computed == 1
    np.testing.assert_array_equal(after.values, expected(photos, encoder))
    assert (before[3] != after.values[3]).any()


def test_photos_that_cannot_be_read_are_listed_and_nan(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache
) -> None:
    photos[2].write_bytes(b"")
    photos[7].unlink()
    for _ in range(2):
        result = embed_images(photos, encoder, cache=cache, batch_size=4)
        assert [index for index, _ in result.failed] == [2, 7]
        assert result.failed[0][1] == f"{photos[2]}: the file is empty"
        assert result.failed[1][1] == f"{photos[7]}: no such file"
        np.testing.assert_array_equal(np.isnan(result.values).all(axis=1), ~result.usable)
        assert result.usable.sum() == 8
    assert (result.cached, result.computed) == (8, 0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_names_the_photo_and_is_not_kept(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache, wrong: float
) -> None:
    class Broken:
        name = "broken"

        def __call__(self, batch: Pixels) -> Embedding:
            values = np.zeros((len(batch), 6), np.float32)
            values[-1, 2] = wrong
            return values

    broken = dataclasses.replace(encoder, backend=Broken())
    with pytest.raises(LongtailorError, match=rf"^{photos[4]}: the encoder averages"):
        embed_images(photos, broken, cache=cache, batch_size=5)
    assert cache.encoders() == []


def test_an_interruption_keeps_what_was_finished(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache
) -> None:
    class Interrupted:
        name = encoder.backend.name
        calls = 0

        def __call__(self, batch: Pixels) -> Embedding:
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return encoder.backend(batch)

    with pytest.raises(KeyboardInterrupt):
        embed_images(
            photos, dataclasses.replace(encoder, backend=Interrupted()), cache=cache, batch_size=2
        )
    result = embed_images(photos, encoder, cache=cache)
    assert (result.cached, result.computed) == (4, 6)
    np.testing.assert_array_equal(result.values, expected(photos, encoder))


def test_a_stream_gives_the_same_embeddings_in_order(
    photos: list[Path], encoder: Encoder, cache: EmbeddingCache
) -> None:
    photos[5].write_bytes(b"no photo")
    whole = embed_images(photos, encoder, cache=None)
    failed: list[tuple[int, str]] = []
    parts = list(stream_embeddings(photos, encoder, cache=cache, batch_size=4, failed=failed))
    assert [len(values) for _, values in parts] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([indices for indices, _ in parts]), range(10))
    np.testing.assert_array_equal(np.concatenate([values for _, values in parts]), whole.values)
    assert failed == whole.failed


def test_a_stream_reads_only_two_batches_ahead(
    tmp_path: Path, encoder: Encoder, draw_photos: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = draw_photos(tmp_path / "many", 40)
    opened: list[str] = []

    def counting(*args: object, name: str, **options: object) -> Image.Image:
        opened.append(name)
        return open_image(*args, name=name, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(embed, "open_image", counting)
    for done, _ in enumerate(stream_embeddings(paths, encoder, batch_size=4), start=1):
        assert len(opened) <= 4 * (done + 2)
    assert len(opened) == 40


WORKER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path

    import numpy as np

    sys.path.insert(0, sys.argv[1])
    from conftest import averages
    from longtailor.encoders import EmbeddingCache, embed_images

    encoder, pause = averages(), float(sys.argv[4])
    compute = type(encoder.backend).__call__
    def slowly(self, batch):
        time.sleep(pause)
        return compute(self, batch)
    type(encoder.backend).__call__ = slowly
    paths = sorted(Path(sys.argv[2]).iterdir())
    with EmbeddingCache(Path(sys.argv[3])) as cache:
        result = embed_images(paths, encoder, cache=cache, batch_size=5)
    np.save(sys.argv[5], result.values)
    print(result.cached, result.computed)
    """
)


def start_worker(folder: Path, cache: Path, out: Path, *, pause: float) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, here, str(folder), str(cache), str(pause), str(out)],
        stdout=subprocess.PIPE,
        text=True,
    )


def count_kept(cache: Path) -> int:
    path = cache / "embeddings.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as database:
        try:
            return int(database.execute("SELECT count(*) FROM embeddings").fetchone()[0])
        except sqlite3.OperationalError:  # the table is not there yet
            return 0


def is_whole(cache: Path) -> bool:
    with sqlite3.connect(cache / "embeddings.sqlite") as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def test_two_processes_fill_one_cache(tmp_path: Path, encoder: Encoder, draw_photos: Draw) -> None:
    paths = sorted(draw_photos(tmp_path / "many", 60))
    kept = tmp_path / "cache"
    outs = [tmp_path / "a.npy", tmp_path / "b.npy"]
    workers = [start_worker(tmp_path / "many", kept, out, pause=0.02) for out in outs]
    for worker in workers:
        worker.communicate(timeout=120)
        assert worker.returncode == 0
    wanted = expected(paths, encoder)
    for out in outs:
        np.testing.assert_array_equal(np.load(out), wanted)
    assert count_kept(kept) == 60
    assert is_whole(kept)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_after_a_kill_the_next_one_goes_on(
    tmp_path: Path, encoder: Encoder, draw_photos: Draw
) -> None:
    paths = sorted(draw_photos(tmp_path / "many", 60))
    kept = tmp_path / "cache"
    worker = start_worker(tmp_path / "many", kept, tmp_path / "a.npy", pause=0.1)
    deadline = time.monotonic() + 60
    while count_kept(kept) < 15 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    done = count_kept(kept)
    assert 15 <= done < 60
    assert not (tmp_path / "a.npy").exists()
    assert is_whole(kept)

    with EmbeddingCache(kept) as cache:
        result = embed_images(paths, encoder, cache=cache)
    assert (result.cached, result.computed) == (done, 60 - done)
    np.testing.assert_array_equal(result.values, expected(paths, encoder))
