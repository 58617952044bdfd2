"""What runs a frozen network: torch, or OpenVINO where it is installed."""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from longtailor.encoders.encoder import Backend, Embedding
from longtailor.encoders.networks import PhotoNetwork, fold_batch_norm
from longtailor.encoders.preprocessing import Pixels, Preprocessing
from longtailor.errors import LongtailorError, UsageError

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


def build_backend(name: str, network: nn.Module, preprocessing: Preprocessing) -> Backend:
    """Make a network, in evaluation mode, ready to run."""
    if name == "openvino":
        return OpenVinoBackend(network, preprocessing)
    return TorchBackend(network, preprocessing)


class TorchBackend:
    """Batch normalisation folded, channels last, one batch shape.

    The last photos are padded to a full batch: kernels differ from shape to shape in their
    last bits, and an embedding must not depend on its neighbours.
    """

    name = "torch"
    batch_size = 8

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        folded = fold_batch_norm(network, image_size=preprocessing.image_size)
        self._network = PhotoNetwork(folded, preprocessing).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, batch: Pixels) -> Embedding:
        """Map pixels (B, H, W, 3) to embeddings (B, dim)."""
        size = self.batch_size
        padding = np.zeros((-len(batch) % size, *batch.shape[1:]), np.uint8)
        padded = torch.from_numpy(np.concatenate([batch, padding]))
        embeddings = torch.cat([self._network(part) for part in torch.split(padded, size)])
        return embeddings[: len(batch)].numpy()


class OpenVinoBackend:
    """One photo a request, as many requests at once as there are cores, in float32.

    One photo a request was the fastest of the shapes tried on two cores, and makes an embedding
    independent of its neighbours. Left to itself OpenVINO computes in bfloat16 where the
    processor can, twice as fast but only to a cosine of .996.
    """

    name = "openvino"

    def __init__(self, network: nn.Module, preprocessing: Preprocessing) -> None:
        import openvino

        size = preprocessing.image_size
        photo = torch.zeros((1, size, size, 3), dtype=torch.uint8)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                PhotoNetwork(network, preprocessing), photo, check_trace=False
            )
            model = openvino.convert_model(traced, input=[1, size, size, 3])
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        compiled = openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "THROUGHPUT",
                "NUM_STREAMS": cores,
            },
        )
        self._queue = openvino.AsyncInferQueue(compiled)
        self._queue.set_callback(self._keep)
        self._rows: dict[int, Embedding] = {}

    def _keep(self, request: Any, row: int) -> None:
        self._rows[row] = request.get_output_tensor(0).data[0].copy()

    def __call__(self, batch: Pixels) -> Embedding:
        """Map pixels (B, H, W, 3) to embeddings (B, dim)."""
        self._rows = {}
        for row in range(len(batch)):
            self._queue.start_async(batch[row : row + 1], row)
        self._queue.wait_all()
        return np.stack([self._rows[row] for row in range(len(batch))])
