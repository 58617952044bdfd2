"""What runs a frozen network: torch, or OpenVINO where it is installed."""

from __future__ import annotations

import importlib.util
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import torch

from longtailor.cores import available_cores
from longtailor.encoders.encoder import Backend, Embedding
from longtailor.encoders.networks import JoinedPhotoNetwork, PhotoNetwork
from longtailor.encoders.preprocessing import Pixels
from longtailor.errors import LongtailorError, UsageError

AnyPhotoNetwork = PhotoNetwork | JoinedPhotoNetwork
BACKENDS = ("openvino", "torch")


def choose_backend(stated: str | None = None) -> str:
    """Give the backend that was asked for, else OpenVINO if installed, else torch.

    Parameters
    ----------
    stated : {"openvino", "torch"}, optional
        Default: the environment's `LONGTAILOR_BACKEND`.

    Raises
    ------
    UsageError
        If there is no such backend.
    LongtailorError
        If OpenVINO is asked for and not installed.
    """
    stated = stated or os.environ.get("LONGTAILOR_BACKEND")
    installed = importlib.util.find_spec("openvino") is not None
    if not stated:
        return "openvino" if installed else "torch"
    if stated not in BACKENDS:
        raise UsageError(f"no backend is called {stated}: openvino or torch")
    if stated == "openvino" and not installed:
        raise LongtailorError("OpenVINO is not installed: pip install 'longtailor[openvino]'")
    return stated


def build_backend(name: str, network: AnyPhotoNetwork) -> Backend:
    """Make a network, in evaluation mode, ready to run."""
    return OpenVinoBackend(network) if name == "openvino" else TorchBackend(network)


class TorchBackend:
    """Batch normalisation folded, channels last; one photo a thread, a thread for each core.

    On two cores this was the fastest of the shapes tried, and by far where other programs run:
    threads that share one photo wait for the slowest of them after every layer. It also makes
    an embedding independent of its neighbours, bit by bit.
    """

    name = "torch"

    def __init__(self, network: AnyPhotoNetwork) -> None:
        self._source = network
        self._pool = ThreadPoolExecutor(
            available_cores(), "longtailor-torch", initializer=torch.set_num_threads, initargs=(1,)
        )

    @cached_property
    def _network(self) -> AnyPhotoNetwork:
        self._source.fold()
        return self._source.to(memory_format=torch.channels_last)

    def __call__(self, batch: Pixels) -> Embedding:
        """Map pixels (B, H, W, 3) to embeddings (B, dim)."""
        network = self._network

        @torch.inference_mode()
        def embed(photo: torch.Tensor) -> torch.Tensor:
            return network(photo)  # type: ignore[no-any-return]

        # What the pool's threads set for themselves torch also takes for threads to come.
        threads = torch.get_num_threads()
        photos = torch.split(torch.from_numpy(np.ascontiguousarray(batch)), 1)
        try:
            rows = list(self._pool.map(embed, photos))
        finally:
            torch.set_num_threads(threads)
        return torch.cat(rows).numpy()


class OpenVinoBackend:
    """One photo a request, computed on a core each, in float32.

    One photo a request was the fastest of the shapes tried on two cores, and makes an embedding
    independent of its neighbours. Left to itself OpenVINO computes in bfloat16 where the
    processor can, twice as fast but only to a cosine of .996.
    """

    name = "openvino"

    def __init__(self, network: AnyPhotoNetwork) -> None:
        self._source = network

    # Converting takes seconds, which a command that finds all its embeddings cached can save.
    @cached_property
    def _queue(self) -> Any:
        import openvino

        shape = [1, self._source.image_size, self._source.image_size, 3]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                self._source, torch.zeros(shape, dtype=torch.uint8), check_trace=False
            )
            model = openvino.convert_model(traced, input=shape)
        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "THROUGHPUT",
                "NUM_STREAMS": available_cores(),
                "INFERENCE_NUM_THREADS": available_cores(),
            },
        )
        # Two requests a core: one computes while Python hands out the other.
        queue = openvino.AsyncInferQueue(compiled, 2 * available_cores())
        queue.set_callback(_keep)
        return queue

    def __call__(self, batch: Pixels) -> Embedding:
        """Map pixels (B, H, W, 3) to embeddings (B, dim)."""
        rows: dict[int, Embedding] = {}
        for row in range(len(batch)):
            self._queue.start_async(batch[row : row + 1], (rows, row))
        self._queue.wait_all()
        return np.stack([rows[row] for row in range(len(batch))])


def _keep(request: Any, where: tuple[dict[int, Embedding], int]) -> None:
    rows, row = where
    rows[row] = request.get_output_tensor(0).data[0].copy()
