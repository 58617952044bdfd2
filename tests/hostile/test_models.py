"""Folders of runs from someone else: refused in one line, and never run."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from longtailor.encoders.networks import build_network
from longtailor.errors import LongtailorError

pytestmark = pytest.mark.usefixtures("light_encoder", "no_report")

TENSORS = "classifier.safetensors"


@pytest.fixture
def run(shop: Path, tmp_path: Path, command: Callable[..., Any]) -> Path:
    command("fit", shop, "--out", tmp_path / "run")
    return tmp_path / "run"


class Owned:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def swap(run: Path, content: bytes) -> None:
    """Swap the tensors and state their hash, as someone would who knows the format."""
    folder = run / "detector"
    (folder / TENSORS).write_bytes(content)
    described = json.loads((folder / "detector.json").read_text())
    described["sha256"] = {TENSORS: hashlib.sha256(content).hexdigest()}
    (folder / "detector.json").write_text(json.dumps(described))


def header(described: dict[str, Any], data: bytes = b"") -> bytes:
    text = json.dumps(described).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(*shape: int, start: int = 0, end: int = 4) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 100) + b"{}",
        header({"weight": tensor(10**9, 10**9)}, bytes(4)),
        header({"weight": tensor(1, end=2**60)}, bytes(4)),
        header({"weight": tensor(1), "bias": tensor(1)}, bytes(4)),
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        b"PK\x03\x04" + bytes(100),
    ],
    ids=["empty", "endless", "cut", "shape", "offset", "overlap", "nesting", "zip"],
)
def test_tensors_that_lie_about_themselves(
    run: Path, shop: Path, refused: Callable[..., str], content: bytes
) -> None:
    swap(run, content)
    assert "is damaged" in refused("evaluate", run, shop)


def test_a_pickle_is_not_opened_under_any_name(
    run: Path, shop: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    owned = tmp_path / "owned"
    plain = pickle.dumps(Owned(owned))
    torch.save({"weight": Owned(owned)}, tmp_path / "weights.pth")
    for content in (plain, (tmp_path / "weights.pth").read_bytes()):
        swap(run, content)
        assert "is damaged" in refused("evaluate", run, shop)
        (tmp_path / "weights.safetensors").write_bytes(content)
        with pytest.raises(LongtailorError, match="is no safetensors file"):
            build_network("efficientnet_lite0", weights=tmp_path / "weights.safetensors")
    assert not owned.exists()
    assert pickle.loads(plain) is None
    assert owned.exists(), "the pickle would have worked"


def test_tensors_that_were_changed_without_their_hash(
    run: Path, shop: Path, refused: Callable[..., str]
) -> None:
    path = run / "detector" / TENSORS
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("bias"))
    tensors[name] += 1
    save_file(tensors, path)
    assert "was changed or damaged" in refused("evaluate", run, shop)
    tensors[name][0] = torch.nan
    save_file(tensors, path)
    swap(run, path.read_bytes())
    assert "a weight is not finite" in refused("evaluate", run, shop)


DEEP = [b"[" * 200_000, b'{"format":' * 200_000, b'{"format": ' + b"9" * 10_000, bytes(1000)]


@pytest.mark.parametrize(
    "content",
    [
        *DEEP,
        b'{"format": 1e999}',
        b'{"format": 2, "sha256": {"classifier.safetensors": "\xed\xa0\x80"}}',
        b'!!python/object/apply:os.system ["touch owned"]',
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    ],
    ids=["lists", "objects", "digits", "zeros", "infinity", "surrogate", "yaml", "anchors"],
)
def test_descriptions_that_are_bombs(
    run: Path, shop: Path, tmp_path: Path, refused: Callable[..., str], content: bytes
) -> None:
    (run / "detector" / "detector.json").write_bytes(content)
    assert "detector.json" in refused("evaluate", run, shop)
    refused("predict", run, shop, "--out", tmp_path / "out.csv")


def test_records_that_are_bombs(run: Path, shop: Path, refused: Callable[..., str]) -> None:
    for content in DEEP:
        (run / "run.json").write_bytes(content)
        assert "run.json is damaged" in refused("fit", shop, "--out", run)


def test_weights_elsewhere_are_read_as_weights_only(tmp_path: Path) -> None:
    """A description may name any file; it has to be an ordinary one in the right format."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe", Path("/etc/passwd"), tmp_path, Path("/no")):
        with pytest.raises(LongtailorError) as caught:
            build_network("efficientnet_lite0", weights=path)
        assert "root:" not in str(caught.value)
