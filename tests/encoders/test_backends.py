from __future__ import annotations

import importlib.util
import threading

import numpy as np
import pytest
import torch

from longtailor.encoders import backends
from longtailor.encoders.backends import build_backend, choose_backend
from longtailor.encoders.encoder import Backend
from longtailor.encoders.networks import PhotoNetwork, build_network
from longtailor.encoders.preprocessing import Pixels
from longtailor.errors import LongtailorError, UsageError

SIZE = 96
INSTALLED = [name for name in ("torch", "openvino") if importlib.util.find_spec(name)]


@pytest.fixture(scope="module")
def batch() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (11, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def reference(batch: Pixels) -> np.ndarray:
    """What the plain network computes, photo by photo."""
    network, preprocessing, _ = build_network("efficientnet_lite0", image_size=SIZE)
    with torch.inference_mode():
        return PhotoNetwork(network, preprocessing)(torch.from_numpy(batch)).numpy()


@pytest.fixture(scope="module", params=INSTALLED)
def backend(request: pytest.FixtureRequest) -> Backend:
    network, preprocessing, _ = build_network("efficientnet_lite0", image_size=SIZE)
    return build_backend(request.param, PhotoNetwork(network, preprocessing))


def test_a_backend_computes_what_the_network_computes(
    backend: Backend, batch: Pixels, reference: np.ndarray
) -> None:
    got = backend(batch)
    assert got.dtype == np.float32
    cosines = (got * reference).sum(1) / (
        np.linalg.norm(got, axis=1) * np.linalg.norm(reference, axis=1)
    )
    assert cosines.min() >= 0.9999
    np.testing.assert_allclose(got, reference, atol=1e-3)


def test_an_embedding_does_not_depend_on_its_neighbours(backend: Backend, batch: Pixels) -> None:
    together = backend(batch)
    np.testing.assert_array_equal(backend(batch), together)
    np.testing.assert_array_equal(
        np.concatenate([backend(batch[:3]), backend(batch[3:])]), together
    )
    np.testing.assert_array_equal(backend(batch[::-1])[::-1], together)
    np.testing.assert_array_equal(backend(batch[5:6])[0], together[5])


def test_the_threads_of_torch_are_left_as_they_were(backend: Backend, batch: Pixels) -> None:
    before = torch.get_num_threads()
    backend(batch)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *seen] == [before, before]


def test_the_backend_is_chosen_by_argument_environment_and_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed: dict[str, object] = {"openvino": object()}
    monkeypatch.setattr(backends.importlib.util, "find_spec", installed.get)
    monkeypatch.delenv("LONGTAILOR_BACKEND", raising=False)
    assert choose_backend() == "openvino"
    assert choose_backend("torch") == "torch"
    monkeypatch.setenv("LONGTAILOR_BACKEND", "torch")
    assert choose_backend() == "torch"
    assert choose_backend("openvino") == "openvino"
    monkeypatch.setenv("LONGTAILOR_BACKEND", "tensorflow")
    with pytest.raises(UsageError, match="no backend is called tensorflow"):
        choose_backend()
    monkeypatch.delenv("LONGTAILOR_BACKEND")
    installed.clear()
    assert choose_backend() == "torch"
    with pytest.raises(LongtailorError, match=r"pip install 'longtailor\[openvino\]'"):
        choose_backend("openvino")
