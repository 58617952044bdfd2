"""`longtailor predict`: its speed beside the bare encoder's, and its memory as catalogues grow.

    python benchmarks/predict.py speed [--images FOLDER] [--photos 256] [--rounds 5]
    python benchmarks/predict.py memory [--products 10000 100000 1000000] [--kills 0]

`speed` times, round after round, the network alone on decoded photos, decoding alone, and what
`predict` does with the files, with an empty cache that is not filled, as by a catalogue of more
than 100,000 products. The best round of each is shown, and beside it the time of all cores
together, which other programs hardly disturb. The classifier is a drawn one, of the size of a
fitted one.

`memory` predicts catalogues of texts, each in a process of its own with an empty cache, and shows
its peak. With `--kills`, each is done again, killed so many times at random moments and resumed:
the files must be the same. A million products take about a quarter of an hour on two cores and
3 GB of the disk.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import torch

from embedding import draw_photos
from longtailor.catalog.images import open_image
from longtailor.classifiers import Block, LinearClassifier
from longtailor.cores import available_cores
from longtailor.detector import Detector
from longtailor.encoders import AnyEncoder, load_encoder, load_text_encoder
from longtailor.labels import LabelSpace
from longtailor.scoring import local
from longtailor.scoring.inputs import find_inputs
from longtailor.scoring.local import ScoreOptions, plan, score
from longtailor.scoring.output import ShardedOutput

TEXTS = 100
"""Texts that the products of a catalogue have, over and over: each shard embeds them anew."""


def draw_detector(encoder: AnyEncoder, labels: int) -> Detector:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn((labels, encoder.dim), generator=generator)
    modality = "image" if hasattr(encoder, "preprocess") else "text"
    return Detector(
        LabelSpace([f"attribute{number // 5}:{number}" for number in range(labels)]),
        LinearClassifier(weight, torch.zeros(labels), [Block(encoder.dim)]),
        np.full(labels, 0.5),
        {modality: encoder},
        {"name": "none", "settings": {}},
    )


def measure_speed(arguments: argparse.Namespace) -> None:
    local.CACHED = 0
    encoder = load_encoder()
    detector = draw_detector(encoder, 26)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.images:
            paths = sorted(arguments.images.glob("*.jpg"))[: arguments.photos]
        else:
            paths = draw_photos(Path(folder), arguments.photos)
        size = encoder.image_size
        pixels = np.stack([encoder.preprocess(open_image(p, draft=size)) for p in paths])
        caches = iter(range(1_000_000))

        def decode() -> None:
            for path in paths:
                encoder.preprocess(open_image(path, draft=size))

        def predict() -> None:
            os.environ["LONGTAILOR_CACHE"] = str(Path(folder) / f"cache{next(caches)}")
            inputs, options = find_inputs(paths), ScoreOptions()
            out = Path(folder) / "out.csv"
            output = ShardedOutput(out, plan(detector, inputs, options), resume=False)
            output.prepare(inputs.stream())
            score(detector, output, inputs.images, options)
            output.finish()

        works: dict[str, Callable[[], object]] = {
            "forward": lambda: encoder.encode(pixels),
            "decode": decode,
            "predict": predict,
        }
        encoder.encode(pixels[:8])
        predict()
        seconds: dict[str, list[float]] = {name: [] for name in works}
        busy: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(arguments.rounds):
            for name, work in works.items():
                started, began = time.perf_counter(), time.process_time()
                work()
                seconds[name].append(time.perf_counter() - started)
                busy[name].append(time.process_time() - began)
    best = {name: min(times) / len(paths) for name, times in seconds.items()}
    cpu = {name: min(times) / len(paths) for name, times in busy.items()}
    cores = available_cores()
    print(f"{encoder.name} by {encoder.backend.name}, {len(paths)} photos, {cores} cores")
    for name, title in (
        ("forward", "the network alone, all cores"),
        ("decode", "decoding and resizing, one thread"),
        ("predict", "predict, files to table"),
    ):
        print(
            f"{title:34s} {1 / best[name]:7.1f} photos/s  {1000 * best[name]:6.2f} ms a photo, "
            f"{1000 * cpu[name]:6.2f} ms of all cores"
        )
    print(f"predict / network alone: {best['forward'] / best['predict']:.3f}")
    # Nothing can be faster than all of its work shared evenly by the cores.
    print(f"the most that its work leaves: {cpu['forward'] / cpu['predict']:.3f}")
    share = cpu["decode"] / (cpu["decode"] + cpu["forward"])
    print(f"decoding is {share:.0%} of decoding and network")
    by_round = [f / p for f, p in zip(seconds["forward"], seconds["predict"], strict=True)]
    print("by round: " + " ".join(f"{value:.3f}" for value in by_round))


def write_catalog(path: Path, products: int) -> None:
    words = ["red", "blue", "long", "short", "puff", "bell", "dress", "shirt", "skirt", "coat"]
    draw = random.Random(0)
    texts = [f"{' '.join(draw.choices(words, k=6))} {number}" for number in range(TEXTS)]
    number = pl.int_range(products, dtype=pl.Int64)
    names = pl.Series(texts)
    frame = pl.LazyFrame({"n": range(products)}).select(
        id=pl.format("p{}", number), text=pl.lit(names).gather(number % TEXTS), price=number / 7
    )
    frame.sink_parquet(path)


def run_predict(command: list[str], *, kill_after: float | None = None) -> tuple[int, float, int]:
    """Give exit status, seconds, and the peak of memory in MiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    if kill_after is not None:
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0) if process.returncode is None else (0, 0, None)
    peak = 0 if usage is None else usage.ru_maxrss // 1024
    return os.waitstatus_to_exitcode(status), time.perf_counter() - started, peak


def measure_memory(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        detector = draw_detector(load_text_encoder(), arguments.labels)
        detector.save(folder / "run")
        peaks: list[int] = []
        for products in arguments.products:
            catalog, out = folder / f"{products}.parquet", folder / f"{products}.csv"
            write_catalog(catalog, products)
            for line in measure_one(folder, catalog, out, products, arguments, peaks):
                print(line, flush=True)
        print(f"peak of the last to that of the first: {peaks[-1] / peaks[0]:.3f}")


def measure_one(
    folder: Path,
    catalog: Path,
    out: Path,
    products: int,
    arguments: argparse.Namespace,
    peaks: list[int],
) -> Iterator[str]:
    os.environ["LONGTAILOR_CACHE"] = str(folder / f"cache{products}")
    command = [sys.executable, "-c", "from longtailor.cli.main import main; main()", "predict"]
    command += [str(folder / "run"), str(catalog), "--out", str(out)]
    status, seconds, peak = run_predict(command)
    assert status == 0
    peaks.append(peak)
    ids = pl.scan_csv(out).select(rows=pl.len(), ids=pl.col("id").n_unique())
    assert ids.collect(engine="streaming").row(0) == (products * arguments.labels, products)
    yield (
        f"{products:9,} products: peak {peak:5,} MiB, {seconds:7.1f} s, "
        f"{products / seconds:6.0f} products/s, {out.stat().st_size / 2**20:7.1f} MiB written"
    )
    if not arguments.kills:
        return
    digest = sha256(out)
    out.unlink()
    draw = random.Random(products)
    for _ in range(arguments.kills):
        status, _, _ = run_predict(
            [*command, "--resume"], kill_after=draw.uniform(0, 2 * seconds / arguments.kills)
        )
        if status == 0:
            break
    assert run_predict([*command, "--resume"])[0] == 0
    assert sha256(out) == digest
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]
    yield f"{products:9,} products: killed up to {arguments.kills} times and resumed: same bytes"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("--images", type=Path, help="a folder of JPEGs; default: drawn ones")
    speed.add_argument("--photos", type=int, default=256)
    speed.add_argument("--rounds", type=int, default=5)
    speed.set_defaults(measure=measure_speed)
    memory = commands.add_parser("memory")
    memory.add_argument("--products", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    memory.add_argument("--labels", type=int, default=20)
    memory.add_argument("--kills", type=int, default=0)
    memory.add_argument("--folder", type=Path, help="where files are written meanwhile")
    memory.set_defaults(measure=measure_memory)
    arguments = parser.parse_args()
    arguments.measure(arguments)


if __name__ == "__main__":
    main()
