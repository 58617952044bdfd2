"""Score images with an exported detector: OpenVINO, Pillow and NumPy, and nothing of ours.

longtailor export run --out detector.onnx
python examples/openvino_predict.py detector.onnx photo.jpg ...
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import openvino
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


def main(path: str, images: list[str]) -> list[dict[str, float]]:
    model = openvino.Core().read_model(path)
    labels, preprocessing = (
        json.loads(model.get_rt_info(["framework", key]).value)
        for key in ("labels", "preprocessing")
    )
    # Left to itself it computes in bfloat16 where the processor can: scores would be off by .07.
    run = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    scored = run({"image": np.stack([read_image(image, preprocessing) for image in images])})
    for image, row, chosen in zip(images, scored["probability"], scored["predicted"], strict=True):
        pairs = zip(labels, row, chosen, strict=True)
        found = [f"{label} {score:.2f}" for label, score, yes in pairs if yes]
        print(f"{image}: {', '.join(found) or 'nothing'}")
    return [dict(zip(labels, map(float, row), strict=True)) for row in scored["probability"]]


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
