"""Peak memory of embedding 2,000 against 20,000 products.

    python benchmarks/embedding_memory.py [--products 2000 20000] [--image-size 96]

Each size is a process of its own. The products' photos are 200 drawn ones over and over, with
the cache off. Time is saved by a small image size; the memory that could grow with the number
of products does not depend on it.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from embedding import draw_photos
from longtailor.encoders import load_encoder, stream_embeddings


def measure(folder: Path, products: int, image_size: int, backend: str | None) -> None:
    photos = sorted(folder.glob("*.jpg"))
    paths = [photos[number % len(photos)] for number in range(products)]
    encoder = load_encoder(image_size=image_size, backend=backend)
    embedded = sum(len(values) for _, values in stream_embeddings(paths, encoder))
    assert embedded == products
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--backend", choices=["torch", "openvino"])
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder:
        measure(arguments.folder, arguments.products[0], arguments.image_size, arguments.backend)
        return
    with tempfile.TemporaryDirectory() as folder:
        draw_photos(Path(folder), 200)
        peaks = []
        for products in arguments.products:
            command = [sys.executable, *sys.argv, "--folder", folder, "--products", str(products)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            peaks.append(float(output))
            print(f"{products:7,} products: peak {peaks[-1]:7.1f} MiB", flush=True)
        print(f"ratio of the last to the first: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
