"""What runs a frozen text network: torch, or OpenVINO where it is installed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from longtailor.cores import available_cores
from longtailor.encoders.encoder import Embedding
from longtailor.encoders.text import TextBackend
from longtailor.encoders.text_networks import quiet

Batches = Sequence[npt.NDArray[np.int64]]


def build_text_backend(name: str, network: nn.Module) -> TextBackend:
    """Make a network, in evaluation mode, ready to run."""
    return OpenVinoTextBackend(network) if name == "openvino" else TorchTextBackend(network)


class MeanNetwork(nn.Module):
    """A network that gives the mean of its last hidden states over tokens without padding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, length) to embeddings (B, dim)."""
        return self.network(input_ids=tokens).last_hidden_state.mean(dim=1)  # type: ignore[no-any-return]


class MaskedMeanNetwork(nn.Module):
    """A network that gives the mean of its last hidden states over the tokens of a mask."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Map tokens (B, length) to embeddings (B, dim), NaN where the mask is 0 throughout."""
        hidden = self.network(input_ids=input_ids, attention_mask=attention_mask)
        mask = attention_mask[:, :, None].float()
        # Where nothing is to be attended to, some networks give NaN, and NaN times 0 is NaN.
        states = hidden.last_hidden_state.masked_fill(mask == 0, 0.0)
        count = mask.sum(dim=1)
        mean: Tensor = states.sum(dim=1) / count.clamp(min=1.0)
        return mean.masked_fill(count == 0, torch.nan)


class TorchTextBackend:
    """Batch after batch, on all cores."""

    name = "torch"

    def __init__(self, network: nn.Module) -> None:
        self._network = MeanNetwork(network)

    @torch.inference_mode()
    def __call__(self, batches: Batches) -> list[Embedding]:
        """Map batches of tokens (B, length) to embeddings (B, dim)."""
        return [self._network(torch.from_numpy(batch)).numpy() for batch in batches]


class OpenVinoTextBackend:
    """As many batches at once as there are cores, in float32.

    1.7 times as fast as torch on two cores, and the same to 2e-6. See `OpenVinoBackend` for why
    not bfloat16.
    """

    name = "openvino"

    def __init__(self, network: nn.Module) -> None:
        self._source = MeanNetwork(network)

    # Converting takes seconds, which a command that finds all its embeddings cached can save.
    @cached_property
    def _compiled(self) -> Any:
        import openvino

        example = torch.zeros(2, 7, dtype=torch.int64)
        with warnings.catch_warnings(), quiet(), torch.no_grad():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                self._source, example, check_trace=False
            )
            model = openvino.convert_model(traced, input=[openvino.PartialShape([-1, -1])])
        return openvino.Core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "THROUGHPUT",
                "NUM_STREAMS": available_cores(),
                "INFERENCE_NUM_THREADS": available_cores(),
            },
        )

    def __call__(self, batches: Batches) -> list[Embedding]:
        """Map batches of tokens (B, length) to embeddings (B, dim)."""
        import openvino

        found: dict[int, Embedding] = {}
        queue = openvino.AsyncInferQueue(self._compiled)
        queue.set_callback(
            lambda request, at: found.__setitem__(at, request.get_output_tensor(0).data.copy())
        )
        for at, batch in enumerate(batches):
            queue.start_async(batch, at)
        queue.wait_all()
        return [found[at] for at in range(len(batches))]
