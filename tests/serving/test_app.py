from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from PIL import Image

from longtailor import Detector
from longtailor.serving import ServeSettings, create_app


def photo(seed: int = 0, *, size: tuple[int, int] = (60, 40), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, kind)
    return file.getvalue()


def test_predicts(client: TestClient, detector: Detector) -> None:
    answer = client.post("/predict", files=[("images", ("a.png", photo(), "image/png"))])
    assert answer.status_code == 200, answer.text
    print(answer.json(), dict(answer.headers))
    for path in ("/labels", "/health", "/health/live", "/metrics", "/openapi.json"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        print(answer.text)
