"""Image columns that point out of the images folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from longtailor import Catalog

OUTSIDE = [
    "../secret.png",
    "images/../../secret.png",
    "./images/./../../secret.png",
    "/etc/passwd",
    "//etc/passwd",
    "../../../../../../../../etc/passwd",
    "link.png",
    "images/link.png",
    "elsewhere/secret.png",
    "chain.png",
    "secret.png\0.png",
    "\0",
    "../secret.png\0",
    "file:///etc/passwd",
    "http://127.0.0.1:9/a.png",
    "~/secret.png",
    "$HOME/secret.png",
    "..\\secret.png",
    "C:\\secret.png",
    "%2e%2e/secret.png",
    "..%c0%af/secret.png",
    "．．/secret.png",
    "../" * 2000 + "etc/passwd",
    "a" * 5000 + ".png",
    "images",
    ".",
    "..",
    "pipe.png",
    "/dev/zero",
    "/proc/self/environ",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "market"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for path in (tmp_path, tmp_path / "elsewhere"):
        Image.new("RGB", (8, 8), "red").save(path / "secret.png")
    Image.new("RGB", (8, 8), "blue").save(folder / "images" / "a.png")
    (folder / "link.png").symlink_to("../secret.png")
    (folder / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (folder / "chain.png").symlink_to("link.png")
    os.mkfifo(folder / "pipe.png")
    return folder


def test_nothing_outside_is_read(folder: Path) -> None:
    names = ["images/a.png", *OUTSIDE]
    path = folder / "products.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({"id": str(at), "image": name, "sleeve": "puff"})
            for at, name in enumerate(names)
        )
    )
    catalog = Catalog.read(path)
    assert catalog.ids == ("0",)
    assert [skip.row for skip in catalog.skipped] == list(range(2, len(names) + 1))
    # The text of such a product is still used, without the image.
    path.write_text(path.read_text().replace('"sleeve"', '"text": "red", "sleeve"'))
    images = Catalog.read(path).images
    assert len(images) == len(names)
    assert images[1:] == (None,) * len(OUTSIDE)


@pytest.mark.usefixtures("light_encoder", "no_report")
def test_predict_scores_nothing_outside(
    shop: Path, folder: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    command("fit", shop, "--out", tmp_path / "run")
    path = folder / "products.jsonl"
    names = ["images/a.png", *OUTSIDE]
    path.write_text(
        "\n".join(json.dumps({"id": str(at), "image": name}) for at, name in enumerate(names))
    )
    out = tmp_path / "out.csv"
    command("predict", tmp_path / "run", path, "--out", out)
    assert pl.read_csv(out)["image"].unique().to_list() == ["images/a.png"]
    assert len(pl.read_csv(tmp_path / "out.skipped.csv")) == len(OUTSIDE)
