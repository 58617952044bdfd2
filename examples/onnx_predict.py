"""Score images with an exported detector: onnxruntime, Pillow and NumPy, and nothing of ours.

longtailor export run --out detector.onnx
python examples/onnx_predict.py detector.onnx photo.jpg ...
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def read_image(path: str, preprocessing: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Decode an image as an upright RGB picture on white, and squash it to what the file takes."""
    size = preprocessing["image_size"]
    with Image.open(path) as image:
        image.draft(None, (2 * size, 2 * size))  # Large JPEGs are decoded at a fraction, faster.
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        resampling = Image.Resampling[preprocessing["interpolation"].upper()]
        return np.array(upright.convert("RGB").resize((size, size), resampling))


def main(model: str, paths: list[str]) -> list[dict[str, float]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = {
        key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()
    }
    pixels = np.stack([read_image(path, about["preprocessing"]) for path in paths])
    probabilities, predicted = session.run(["probability", "predicted"], {"image": pixels})
    for path, row, chosen in zip(paths, probabilities, predicted, strict=True):
        found = [
            f"{label} {score:.2f}"
            for label, score, yes in zip(about["labels"], row, chosen, strict=True)
            if yes
        ]
        print(f"{path}: {', '.join(found) or 'nothing'}")
    return [dict(zip(about["labels"], map(float, row), strict=True)) for row in probabilities]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
