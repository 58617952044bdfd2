"""Fit a detector to a catalogue, look at what it learned, and label a photo.

    python examples/fit_and_predict.py [products.csv]

Without a catalogue it draws a small one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import longtailor
from longtailor.samples import draw_catalog


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = [Path(argument) for argument in sys.argv[1:]]
        path = given[0] if given else draw_catalog(Path(folder), products=300)
        catalog = longtailor.Catalog.read(path)
        counts = catalog.statistics()
        rarest = min(range(len(catalog.space)), key=lambda label: counts.positive[label])
        print(f"{len(catalog):,} products, {len(catalog.space)} labels")
        print(f"rarest: {catalog.space.labels[rarest]}, {counts.positive[rarest]} positives")

        detector = longtailor.fit(catalog, objective="effective_number:beta=0.999")
        detector.save(Path(folder) / "detector")

        loaded = longtailor.Detector.load(Path(folder) / "detector")
        photo = next(image for image in catalog.images if image is not None)
        predicted = loaded.predict([photo])
        print(predicted.filter(predicted["predicted"]).select("label", "score"))


if __name__ == "__main__":
    main()
