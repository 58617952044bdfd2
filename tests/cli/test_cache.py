from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from longtailor.cli.cache import app
from longtailor.encoders.cache import CacheEntry, EmbeddingCache, FileState
from longtailor.encoders.encoder import Encoder, Weights
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError, UsageError


class NoBackend:
    name = "none"

    def __call__(self, batch: object) -> object:
        raise AssertionError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LONGTAILOR_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def filled(folder: Path) -> Path:
    preprocessing = Preprocessing(16, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    with EmbeddingCache() as cache:
        for name, images in (("large", 1200), ("small", 3)):
            encoder = Encoder(name, 6, Weights("0" * 64), preprocessing, NoBackend())  # type: ignore[arg-type]
            vector = np.ones(6, np.float32)
            cache.put(
                encoder,
                [
                    CacheEntry(n.to_bytes(32), vector, FileState(f"/{n}", 1, 1))
                    for n in range(images)
                ],
            )
    return folder


def test_it_shows_path_size_and_images_by_encoder(filled: Path) -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    size = (filled / "embeddings.sqlite").stat().st_size
    assert lines[0] == f"{filled}/embeddings.sqlite: {size / 1000:.1f} kB"
    assert lines[2].split()[0] == "large"
    assert lines[2].split()[2:] == ["1,200", "28.8", "kB"]
    assert lines[3].split()[0] == "small"
    assert lines[3].split()[2:] == ["3", "72", "bytes"]


def test_an_absent_cache_is_not_made_by_looking(folder: Path) -> None:
    for arguments in ([], ["clear"]):
        assert "nothing is cached" in CliRunner().invoke(app, arguments).output
    assert list(folder.iterdir()) == []


def test_one_encoder_or_all_can_be_cleared(filled: Path) -> None:
    result = CliRunner().invoke(app, ["clear", "--encoder", "large"])
    assert "forgot the embeddings of 1,200 images and texts" in result.output
    with EmbeddingCache() as cache:
        assert [held.name for held in cache.encoders()] == ["small"]
    assert "of 3 images and texts" in CliRunner().invoke(app, ["clear"]).output
    with EmbeddingCache() as cache:
        assert cache.encoders() == []


def test_an_encoder_that_is_not_there_is_a_usage_error(filled: Path) -> None:
    result = CliRunner().invoke(app, ["clear", "--encoder", "none"])
    assert isinstance(result.exception, UsageError)
    assert "it holds large, small" in str(result.exception)


def test_a_damaged_cache_is_named_and_cleared(folder: Path) -> None:
    (folder / "embeddings.sqlite").write_bytes(b"no database" * 1000)
    result = CliRunner().invoke(app, [])
    assert isinstance(result.exception, LongtailorError)
    assert "longtailor cache clear" in str(result.exception)
    assert "removed the damaged cache" in CliRunner().invoke(app, ["clear"]).output
    assert list(folder.iterdir()) == []


def test_it_does_not_wait_for_torch(folder: Path) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from longtailor.cli.cache import app; "
        "CliRunner().invoke(app, []); import longtailor.encoders; "
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
