"""Photos a second: the plain network, the frozen backends, decoding, and all of it together.

    python benchmarks/embedding.py [--photos 256] [--images FOLDER] [--rounds 3]

Each is timed in turn, round after round, and its best round is shown, so that a machine that
does other work disturbs all of them alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from longtailor.catalog.images import open_image
from longtailor.cores import available_cores
from longtailor.encoders import DEFAULT_ENCODER, embed_images, load_encoder
from longtailor.encoders.networks import build_network


def draw_photos(folder: Path, count: int, *, size: tuple[int, int] = (600, 800)) -> list[Path]:
    paths = []
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--images", type=Path, help="a folder of JPEGs; default: drawn ones")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as drawn:
        if arguments.images:
            paths = sorted(arguments.images.glob("*.jpg"))[: arguments.photos]
        else:
            paths = draw_photos(Path(drawn), arguments.photos)
        frozen = {
            name: load_encoder(arguments.encoder, backend=name) for name in ("torch", "openvino")
        }
        preprocessing = frozen["torch"].preprocessing
        size = preprocessing.image_size
        sizes = [
            (view.name, view.preprocessing.image_size)
            for view in frozen["torch"].views or (frozen["torch"],)
        ]
        plain = [(build_network(name, image_size=own)[0], own) for name, own in sizes]
        pixels = np.stack([preprocessing(open_image(path, draft=size)) for path in paths])

        @torch.inference_mode()
        def run_plain() -> None:
            for batch in torch.split(torch.from_numpy(pixels), 32):
                # A copy in the layout that a data loader gives.
                seen = batch.permute(0, 3, 1, 2).contiguous() / 127.5 - 1
                for network, own in plain:
                    network(seen if own == size else interpolate(seen, (own, own)))

        def decode() -> None:
            for path in paths:
                preprocessing(open_image(path, draft=size))

        def timed(work: Callable[[], object]) -> float:
            started = time.perf_counter()
            work()
            return len(paths) / (time.perf_counter() - started)

        works: dict[str, Callable[[], object]] = {
            "eager timm, NCHW, batches of 32": run_plain,
            "torch, folded, channels-last": lambda: frozen["torch"].encode(pixels),
            "OpenVINO": lambda: frozen["openvino"].encode(pixels),
            "decoding and resizing, one thread": decode,
            "files to embeddings, torch": lambda: embed_images(paths, frozen["torch"], cache=None),
            "files to embeddings, OpenVINO": lambda: embed_images(
                paths, frozen["openvino"], cache=None
            ),
        }
        for encoder in frozen.values():
            encoder.encode(pixels[:8])
        best = dict.fromkeys(works, 0.0)
        for _ in range(arguments.rounds):
            for name, work in works.items():
                best[name] = max(best[name], timed(work))

    first = best["eager timm, NCHW, batches of 32"]
    print(f"{arguments.encoder} at {size} px, {len(paths)} photos, {available_cores()} cores")
    for name, speed in best.items():
        print(f"{name:36s} {speed:7.1f} photos/s  {speed / first:5.1f} x")


if __name__ == "__main__":
    main()
