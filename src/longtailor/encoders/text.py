"""What turns texts into embeddings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from longtailor.encoders.encoder import Embedding, Encoder, Weights

Tokens = list[int]
BATCH_SIZE = 16
"""Texts of one length that go through the network together."""


class Tokenizer(Protocol):
    """What cuts texts into the numbers that a network was trained on."""

    @property
    def fingerprint(self) -> str:
        """Hash of what decides the numbers."""

    def __call__(self, texts: Sequence[str]) -> list[Tokens]:
        """Cut texts, each to as many numbers as the network can take at most."""


class TextBackend(Protocol):
    """A frozen network ready to run."""

    @property
    def name(self) -> str:
        """What runs the network: `"torch"`, `"openvino"`."""

    def __call__(self, batches: Sequence[npt.NDArray[np.int64]]) -> list[Embedding]:
        """Map batches of tokens (B, length) to embeddings (B, dim)."""


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """A frozen network that maps a text to an embedding. Made by `load_text_encoder`.

    The embedding is the mean of the network's last hidden states over the tokens of the text
    (Reimers and Gurevych, "Sentence-BERT", EMNLP 2019).

    Attributes
    ----------
    name : str
        The name it was loaded by.
    dim : int
        Numbers in an embedding.
    max_length : int
        Tokens that are read of a text; what follows is cut off.
    weights : Weights
    tokenizer : Tokenizer
    backend : TextBackend
    """

    name: str
    dim: int
    max_length: int
    weights: Weights
    tokenizer: Tokenizer
    backend: TextBackend

    @property
    def dims(self) -> tuple[int, ...]:
        """Numbers of the embedding of each view: there is one."""
        return (self.dim,)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of name, weights, tokens and length: what defines the embeddings."""
        identity = {
            "name": self.name,
            "weights": self.weights.sha256,
            "tokenizer": self.tokenizer.fingerprint,
            "max_length": self.max_length,
            "pooling": "mean",
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def cache_key(self) -> str:
        """What the embedding cache files embeddings under."""
        return f"{self.fingerprint}-{self.backend.name}"

    def encode(self, texts: Sequence[str]) -> Embedding:
        """Embed texts: shape (texts, dim).

        Texts of one length in tokens go through the network together, so that no text is padded
        and none is seen with another's padding.
        """
        result = np.empty((len(texts), self.dim), np.float32)
        tokens = self.tokenizer(texts) if len(texts) else []
        rows = list(_of_one_length(tokens))
        batches = [np.array([tokens[row] for row in some], dtype=np.int64) for some in rows]
        for some, values in zip(rows, self.backend(batches), strict=True):
            result[some] = values
        return result

    def to_dict(self) -> dict[str, Any]:
        """Describe as JSON values, so that a detector can refer to its encoder."""
        return {
            "name": self.name,
            "dim": self.dim,
            "weights": {"sha256": self.weights.sha256, "path": self.weights.path},
            "tokenizer": self.tokenizer.fingerprint,
            "max_length": self.max_length,
            "pooling": "mean",
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_dict(
        cls, described: dict[str, Any], *, weights: Path | None = None, backend: str | None = None
    ) -> TextEncoder:
        """Load the encoder that `to_dict` described.

        Parameters
        ----------
        described : dict
        weights : Path, optional
            The safetensors file of its weights, where it was fine-tuned. Default: the model's own.
        backend : {"torch", "openvino"}, optional
            As for `load_text_encoder`.

        Raises
        ------
        LongtailorError
            If the weights cannot be had, or are others than those described.
        """
        from longtailor.encoders.load import restore_text_encoder

        return restore_text_encoder(described, weights=weights, backend=backend)


AnyEncoder = Encoder | TextEncoder


def _of_one_length(tokens: Sequence[Tokens]) -> Iterator[list[int]]:
    # The longest first: what is left then never takes longer than it looks.
    order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
    for _, group in groupby(order, key=lambda row: len(tokens[row])):
        rows = list(group)
        for start in range(0, len(rows), BATCH_SIZE):
            yield rows[start : start + BATCH_SIZE]
