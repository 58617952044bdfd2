"""Mutated images, catalogues and detectors: each has to be read, or refused in one clear error.

    python benchmarks/fuzz.py [--minutes 10] [--seed 0] [--only images|catalogues|detectors]
    python benchmarks/fuzz.py --only images --case 1234    # one case again, in this process

A valid file is drawn, mutated in one to eight places (bits, bytes, numbers at their limits, pieces
cut out, doubled, or taken from another file, words that parsers trip over) and read. A finding is
whatever is neither a result nor one of our errors: another exception, a dead process, more than
`--seconds` of the processor for a small file, an image outside the images folder. Cases run in a
process of their own, with at most `--memory` GB, which is started anew when a case kills it. Each
finding is printed once, with the number of the case that makes it again and how often it came.

What is read is not only opened: of a catalogue the label matrix is checked, a photo is decoded, and
a detector scores.
"""

from __future__ import annotations

import argparse
import faulthandler
import functools
import hashlib
import io
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image
from safetensors.torch import save

from longtailor import Catalog, Detector
from longtailor.catalog.images import open_image
from longtailor.catalog.products import read_products
from longtailor.classifiers import Block, LinearClassifier
from longtailor.encoders.encoder import Encoder, Weights
from longtailor.encoders.preprocessing import Preprocessing
from longtailor.errors import LongtailorError
from longtailor.labels import LabelSpace

Sample = tuple[str, bytes]
KINDS = ("images", "catalogues", "detectors")
WORDS = [
    b'"', b"'", b"|", b",", b"\t", b"\n", b"\r\n", b"\0", b":", b"-", b"?", b"=cmd|' /C calc'!A0",
    b"../../etc/passwd", b"/etc/passwd", b"\xef\xbb\xbf", b"\xff", "\u202e".encode(), b"\\ud800",
    b"[" * 40_000, b'{"a":' * 20_000, b"1e999", b"NaN", b"-Infinity", b"9" * 5_000, b"null", b"{}",
    b"[]", b"true", b'""', b"<script>", b"a" * 140_000, b"image", b"labels", b"split", b"id",
]  # fmt: skip
LIMITS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def mutate(content: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Change a file in one place or several."""
    changed = bytearray(content)
    for _ in range(min(8, random.geometric(0.5))):
        at, to = sorted(random.integers(0, len(changed) + 1, 2).tolist())
        to = min(to, at + int(2 ** random.uniform(0, 12)))
        match random.integers(9):
            case 0 if at < len(changed):
                changed[at] ^= 1 << int(random.integers(8))
            case 1:
                changed[at : at + 4] = random.bytes(min(4, len(changed) - at))
            case 2:
                size, order = int(random.choice([1, 2, 4])), random.choice(["big", "little"])
                limit = int(random.choice(LIMITS)) % 256**size
                changed[at : at + size] = limit.to_bytes(size, order)
            case 3:
                del changed[at:to]
            case 4:
                changed[at:at] = changed[at:to]
            case 5:
                start = int(random.integers(0, len(other) + 1))
                changed[at:to] = other[start : start + to - at]
            case 6 | 7:
                changed[at:at] = WORDS[random.integers(len(WORDS))]
            case _ if random.random() < 0.3:
                del changed[at:]
    return bytes(changed)


@functools.cache
def draw_images() -> list[Sample]:
    """Give small photos in every format, colour and depth."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    photo = Image.fromarray(pixels).resize((60, 72))
    rgb = photo.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    variants: list[tuple[str, Image.Image, dict[str, Any]]] = [
        ("jpg", rgb, {"exif": exif}),
        ("jpg", rgb, {"progressive": True}),
        ("jpg", photo.convert("CMYK"), {}),
        ("png", photo, {}),
        ("png", rgb.quantize(8), {"transparency": 3}),
        ("png", Image.fromarray(random.integers(0, 65536, (9, 8), dtype=np.uint16)), {}),
        ("gif", rgb, {"save_all": True, "append_images": [rgb.rotate(90)]}),
        ("webp", photo, {"lossless": True}),
        ("webp", rgb, {"save_all": True, "append_images": [rgb.rotate(90)]}),
        ("avif", rgb, {}),
        ("bmp", rgb, {}),
        ("tiff", rgb, {"compression": "tiff_lzw"}),
        ("tiff", rgb, {"compression": "jpeg"}),
        ("tiff", photo.convert("CMYK"), {"compression": "tiff_adobe_deflate"}),
        ("tiff", photo.convert("1"), {"compression": "group4"}),
        ("jp2", rgb, {}),
        ("ppm", rgb, {}),
    ]
    samples = []
    for suffix, image, options in variants:
        content = io.BytesIO()
        image.save(content, format=Image.registered_extensions()[f".{suffix}"], **options)
        samples.append((suffix, content.getvalue()))
    return samples


def read_image(path: Path) -> None:
    """Decode a photo, and a draft of it."""
    for draft in (None, 16):
        image = open_image(path, draft=draft)
        assert image.mode == "RGB", image.mode
        assert min(image.size) > 0
        assert image.load() is not None


ROWS = [
    {"id": "a", "image": "a.png", "sleeve": "puff", "details": "bow|frill", "split": "train"},
    {"id": "b", "image": "b.png", "sleeve": "cap", "details": "-", "split": "val"},
    {"id": "c", "image": "", "text": "a red dress", "sleeve": "", "details": "bow", "group": "g"},
    {"id": "d", "image": "a.png", "sleeve": "long", "details": "", "split": "test", "group": "g"},
]
COLUMNS = ("id", "image", "text", "split", "group", "sleeve", "details")


@functools.cache
def draw_catalogues() -> list[Sample]:
    """Give one small catalogue in every format and both forms of labels."""
    table = pl.DataFrame([{name: row.get(name, "") for name in COLUMNS} for row in ROWS])
    tags = table.select("id", "image", "text").with_columns(
        labels=pl.Series(["sleeve:puff|detail:bow", "sleeve:cap|detail:?", "?", "sleeve:long"])
    )
    lists = table.with_columns(
        pl.col("details").str.split("|"), price=pl.Series([1.5, None, float("nan"), 2.0])
    )
    samples = []
    for frame in (table, tags):
        samples.append(("csv", frame.write_csv(quote_style="always").encode()))
        samples.append(("csv", frame.write_csv().encode()))
        samples.append(("tsv", frame.write_csv(separator="\t").encode()))
    for frame in (table, tags, lists):
        samples.append(("jsonl", frame.write_ndjson().encode()))
        for compression in ("uncompressed", "zstd", "snappy"):
            content = io.BytesIO()
            frame.write_parquet(content, compression=compression)
            samples.append(("parquet", content.getvalue()))
    return samples


def read_catalogue(path: Path) -> None:
    """Read a catalogue as fit and as predict do."""
    read_products(path)
    catalog = Catalog.read(path)
    assert catalog.matrix.shape == (len(catalog), len(catalog.space))
    assert np.isin(catalog.matrix, (-1, 0, 1)).all()
    assert len(set(catalog.ids)) == len(catalog)
    for image in catalog.images:
        assert image is None or image.resolve().is_relative_to(path.parent.resolve()), image


LABELS = ("sleeve:cap", "sleeve:puff", "detail:bow")
DIM = 4


@functools.cache
def draw_detectors() -> list[Sample]:
    """Give the description and the tensors of a small detector."""
    encoder = Encoder(
        "efficientnet_lite0",
        DIM,
        Weights("0" * 64),
        Preprocessing(16, "bilinear", (0.5,) * 3, (0.5,) * 3),
        lambda batch: np.zeros((len(batch), DIM), np.float32),  # type: ignore[arg-type]
    )
    classifier = LinearClassifier(torch.ones(3, DIM), torch.zeros(3), [Block(DIM)], torch.ones(DIM))
    detector = Detector(
        LabelSpace(LABELS, ["sleeve"]),
        classifier,
        np.array([0.5, 0.2, 0.9]),
        {"image": encoder},
        {"name": "focal", "specification": "focal", "positives": [1, 2, 3], "known": [9, 9, 9]},
    )
    with tempfile.TemporaryDirectory() as folder:
        detector.save(folder)
        described = (Path(folder) / "detector.json").read_bytes()
    return [("json", described), ("safetensors", save(classifier.state_dict()))]


def read_detector(path: Path) -> None:
    """Load a detector of which one file is mutated, the hash being right, and score with it."""
    folder = path.parent / "detector"
    folder.mkdir(exist_ok=True)
    (_, described), (_, tensors) = draw_detectors()
    if path.suffix == ".json":
        described = path.read_bytes()
    else:
        tensors = path.read_bytes()
    # Whoever changes the tensors can change their hash too.
    first, digest = (hashlib.sha256(one).hexdigest() for one in (draw_detectors()[1][1], tensors))
    (folder / "detector.json").write_bytes(described.replace(first.encode(), digest.encode()))
    (folder / "classifier.safetensors").write_bytes(tensors)
    detector = Detector.load(folder)
    probabilities = detector.probabilities(np.ones((2, detector.classifier.dim), np.float32))
    assert np.isfinite(probabilities).all()
    detector.decide(probabilities)


Target = tuple[Callable[[], list[Sample]], Callable[[Path], None]]
TARGETS: dict[str, Target] = {
    "images": (draw_images, read_image),
    "catalogues": (draw_catalogues, read_catalogue),
    "detectors": (draw_detectors, read_detector),
}


class Hang(BaseException):
    """A case took too much of the processor."""


def one_case(kind: str, number: int, seed: int, folder: Path, seconds: int) -> tuple[str, str]:
    """Run a case; give `"read"`, `"refused"` or `"found"`, and what was found."""
    for image in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(folder / image)
    random = np.random.default_rng([seed, KINDS.index(kind), number])
    draw, read = TARGETS[kind]
    samples = draw()
    suffix, content = samples[random.integers(len(samples))]
    _, other = samples[random.integers(len(samples))]
    path = folder / f"mutated.{suffix}"
    path.write_bytes(mutate(content, other, random))
    # Of the processor, not of the clock: others may want it more.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        read(path)
    except LongtailorError:
        return "refused", ""
    except BaseException as error:  # A panic of Polars is no Exception.
        return "found", f"{suffix}: {_tell(error)}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read", ""


def _tell(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [one for one in frames if "longtailor" in one.filename or one.filename == __file__]
    message = " ".join(str(error).split())[:160]
    return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}: {message}"


def _too_long(*_: object) -> None:
    raise Hang


def work(kind: str, first: int, seed: int, seconds: int, memory: float, pipe: Connection) -> None:
    """Run cases until told to stop, telling of each before it starts and after it ended."""
    limit = int(memory * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _too_long)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    # Rust tells of its panics by itself.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        number = first
        while not pipe.poll():
            pipe.send((number, None, ""))
            # Code in C hears no signal; this ends the process.
            faulthandler.dump_traceback_later(30 * seconds, exit=True)
            pipe.send((number, *one_case(kind, number, seed, folder, seconds)))
            faulthandler.cancel_dump_traceback_later()
            number += 1


def fuzz(
    kind: str, minutes: float, seed: int, seconds: int, memory: float
) -> tuple[Counter[str], Counter[str], dict[str, int]]:
    """Run cases of one kind for some minutes; give outcomes, findings, and a case of each."""
    outcomes: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    where: dict[str, int] = {}
    context = multiprocessing.get_context("spawn")
    until, number = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until:
        ours, theirs = context.Pipe()
        arguments = (kind, number, seed, seconds, memory, theirs)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        try:
            while time.monotonic() < until:
                number, outcome, what = ours.recv()
                if outcome is None:
                    continue
                outcomes[outcome] += 1
                if what:
                    findings[what] += 1
                    where.setdefault(what, number)
                number += 1
            ours.send(None)
            while True:
                ours.recv()
        except (EOFError, OSError):
            process.join()
            if process.exitcode:
                what = f"the process died with status {process.exitcode}"
                outcomes["found"] += 1
                findings[what] += 1
                where.setdefault(what, number)
                number += 1
    return outcomes, findings, where


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--case", type=int)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--memory", type=float, default=6, help="GB")
    given = parser.parse_args()
    if given.case is not None:
        folder = Path(tempfile.mkdtemp())
        signal.signal(signal.SIGPROF, _too_long)
        print(*one_case(given.only, given.case, given.seed, folder, given.seconds))
        print(folder)
        return
    kinds = [given.only] if given.only else list(KINDS)
    found = False
    for kind in kinds:
        outcomes, findings, where = fuzz(
            kind, given.minutes / len(kinds), given.seed, given.seconds, given.memory
        )
        total = sum(outcomes.values())
        share = {name: f"{count:,}" for name, count in outcomes.items()}
        print(f"{kind}: {total:,} cases, {share}", flush=True)
        for what, count in findings.most_common():
            found = True
            print(f"  case {where[what]}, {count:,} times: {what}", flush=True)
    sys.exit(found)


if __name__ == "__main__":
    main()
