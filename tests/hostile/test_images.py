"""Files that are no photos, or too much of one, among photos."""

from __future__ import annotations

import base64
import io
import os
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from longtailor.catalog.images import open_image
from longtailor.errors import ImageError
from longtailor.reporting.photos import thumbnail

SCRIPT = b"<html><body><script>alert(1)</script></body></html>"
MEMORY = 1500 * 2**20
"""Bytes of data that a process may take in which bombs are opened."""


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, *between: bytes, rows: bytes | None = None) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(3 * width)) * height) if rows is None else rows
    parts = (chunk(b"IHDR", header), *between, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def saved(suffix: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content, Image.registered_extensions()[f".{suffix}"], **options)
    return content.getvalue()


def with_zip_behind(content: bytes) -> bytes:
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../../owned", "x")
    return archive.getvalue()


def tiff(width: int, height: int) -> bytes:
    fields = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (279, 9**9)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    start = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(fields))
    return start + entries + bytes(100)


# What announces or unpacks to more than a photo is: refused before it is decoded.
BOMBS = {
    "claims_much.png": png(30_000, 30_000, rows=zlib.compress(bytes(1000))),
    "claims_most.png": png(2**31 - 1, 2**31 - 1, rows=b""),
    "wide.png": png(2**31 - 1, 1, rows=b""),
    "claims.gif": b"GIF89a" + b"\xff" * 4 + b"\xf7\0\0" + bytes(768) + b",\0\0\0\0" + b"\xff" * 4,
    "claims.bmp": b"BM" + struct.pack("<4I2i2H6I", 99, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
    "claims.tif": tiff(60_000, 60_000),
    "claims.ppm": b"P6 60000 60000 255\n",
    "unpacks.png": png(12_000, 12_000),
}  # fmt: skip
BROKEN = {
    "zero.png": b"",
    "half.png": saved("png", (300, 300))[:9_000],
    "half.jpg": saved("jpg", (300, 300))[:9_000],
    "half.webp": saved("webp", (300, 300))[:9_000],
    "signature.jpg": b"\xff\xd8\xff\xe0",
    "page.jpg": SCRIPT,
    "vector.png": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "postscript.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n/quit load exec\n",
    "program.png": b"\x7fELF" + bytes(200),
    "archive.jpg": with_zip_behind(b""),
    "pickle.png": b"\x80\x04cos\nsystem\n(S'touch owned'\ntR.",
}  # fmt: skip
POLYGLOTS = {
    "page_behind.png": saved("png") + SCRIPT,
    "page_inside.png": png(9, 9, chunk(b"tEXt", b"Comment\0" + SCRIPT)),
    "script.gif": saved("gif", comment=SCRIPT),
    "script.jpg": saved("jpg", comment=SCRIPT),
    "archive.png": with_zip_behind(saved("png")),
    "photo.html": saved("jpg"),
    "photo.csv.png": saved("webp"),
    "gif.jpg": saved("gif"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BOMBS[name])
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_no_bomb_takes_memory(tmp_path: Path) -> None:
    """In a process that may take little: it would say that memory is out."""
    # Compressed 1000 to 1, as text and as a colour profile, which a decoder could unpack.
    zeros = zlib.compress(bytes(400 * 2**20), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + zeros)
    profile = chunk(b"iCCP", b"ICC\0\0" + zeros)
    inside = {"text.png": png(9, 9, text), "profile.png": png(9, 9, profile)}
    for name, content in (BOMBS | inside).items():
        (tmp_path / name).write_bytes(content)
    code = (
        "import sys; from pathlib import Path\n"
        "from longtailor.catalog.images import open_image\n"
        "from longtailor.errors import ImageError\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try: print(path.name, open_image(path).size)\n"
        "    except ImageError as error: print(path.name, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert set(said) == set(BOMBS | inside)
    assert not [line for line in said.values() if "MemoryError" in line], said


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_photo_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", POLYGLOTS)
def test_of_a_polyglot_pixels_alone_reach_a_page(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(POLYGLOTS[name])
    assert open_image(tmp_path / name).mode == "RGB"
    address = thumbnail(tmp_path / name)
    assert address is not None
    shown = base64.b64decode(address.partition(",")[2])
    assert shown.startswith(b"\xff\xd8")
    assert b"script" not in shown
    assert b"owned" not in shown


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_the_rest_of_a_folder_is_scored(
    shop: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    run = tmp_path / "run[1]"
    command("fit", shop, "--out", run)
    command("evaluate", run, shop)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, content in (BOMBS | BROKEN | POLYGLOTS).items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    out = tmp_path / "day=[1]" / "out[1]*.parquet"
    result = command("predict", run, folder, "--out", out)
    scored = set(pl.read_parquet(out, glob=False)["image"])
    # A suffix that is no image's is not looked at.
    assert scored == set(POLYGLOTS) - {"photo.html"}
    skipped = pl.read_csv(out.with_name("out[1]*.skipped.csv"), glob=False)
    assert set(skipped["id"]) == set(BOMBS | BROKEN)
    assert f"{len(skipped)} skipped" in result.stderr
