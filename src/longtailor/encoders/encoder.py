"""What turns photos into embeddings."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from longtailor.encoders.preprocessing import Pixels, Preprocessing

Embedding = npt.NDArray[np.float32]


class Backend(Protocol):
    """A frozen network ready to run."""

    @property
    def name(self) -> str:
        """What runs the network: `"torch"`, `"openvino"`."""

    def __call__(self, batch: Pixels) -> Embedding:
        """Map pixels (B, H, W, 3) to embeddings (B, dim), row by row independently."""


@dataclass(frozen=True)
class Weights:
    """Which weights an encoder has.

    Attributes
    ----------
    sha256 : str
        Of the file the weights were read from; of the tensors where a hub gave them.
    path : str or None
        The file, or the folder of a model, where the user named one.
    """

    sha256: str
    path: str | None = None

    @property
    def file(self) -> Path | None:
        """The safetensors file, where `path` is one."""
        return None if self.path is None or Path(self.path).is_dir() else Path(self.path)


@dataclass(frozen=True, eq=False)
class View:
    """A network that looks at photos, alone or as one of several.

    Attributes
    ----------
    name : str
    dim : int
        Numbers in its embedding.
    weights : Weights
    preprocessing : Preprocessing
        As one of several it takes the size and the colours; photos are resized by the encoder.
    """

    name: str
    dim: int
    weights: Weights
    preprocessing: Preprocessing

    @property
    def identity(self) -> dict[str, Any]:
        """What defines its embeddings."""
        return {
            "name": self.name,
            "weights": self.weights.sha256,
            "preprocessing": self.preprocessing.to_dict(),
        }

    def to_dict(self) -> dict[str, Any]:
        """Describe as JSON values."""
        return {
            "name": self.name,
            "dim": self.dim,
            "weights": {"sha256": self.weights.sha256, "path": self.weights.path},
            "preprocessing": self.preprocessing.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Encoder(View):
    """A frozen network that maps a photo to an embedding. Made by `load_encoder`.

    Attributes
    ----------
    name : str
        The name it was loaded by.
    dim : int
        Numbers in an embedding.
    weights : Weights
    preprocessing : Preprocessing
    backend : Backend
    views : tuple of View
        Where it is several networks, or one at several sizes: each of them, their embeddings side
        by side. Photos are resized to the largest size, and from there to the others.
    """

    backend: Backend
    views: tuple[View, ...] = ()

    @property
    def image_size(self) -> int:
        """Height and width in pixels of the photos it takes."""
        return self.preprocessing.image_size

    @property
    def dims(self) -> tuple[int, ...]:
        """Numbers of the embedding of each view."""
        return tuple(view.dim for view in self.views) or (self.dim,)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of name, weights and preprocessing: what defines the embeddings.

        It does not depend on the backend, whose embeddings agree to about 1e-5: a classifier
        fitted on one serves with the other.
        """
        identity: Any = [view.identity for view in self.views] or self.identity
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def cache_key(self) -> str:
        """What the embedding cache files embeddings under.

        Backends do not share entries: the same command is to give the same bits, whichever
        backend filled the cache before.
        """
        return f"{self.fingerprint}-{self.backend.name}"

    def preprocess(self, image: Image.Image) -> Pixels:
        """Resize an RGB image to uint8 pixels of shape (image_size, image_size, 3)."""
        return self.preprocessing(image)

    def encode(self, batch: Pixels) -> Embedding:
        """Embed preprocessed photos.

        Parameters
        ----------
        batch : ndarray of uint8, shape (B, image_size, image_size, 3)

        Returns
        -------
        ndarray of float32, shape (B, dim)
            The pooled features before the network's own classifier, of each view side by side. A
            row depends on its photo alone, bit by bit, however photos are batched.
        """
        size = self.image_size
        if batch.dtype != np.uint8 or batch.shape[1:] != (size, size, 3):
            raise ValueError(
                f"expected uint8 of shape (B, {size}, {size}, 3), got {batch.dtype} {batch.shape}"
            )
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        return self.backend(batch)

    def to_dict(self) -> dict[str, Any]:
        """Describe as JSON values, so that a detector can refer to its encoder."""
        described = {**super().to_dict(), "fingerprint": self.fingerprint}
        if self.views:
            described["views"] = [view.to_dict() for view in self.views]
        return described

    @classmethod
    def from_dict(
        cls, described: dict[str, Any], *, weights: Path | None = None, backend: str | None = None
    ) -> Encoder:
        """Load the encoder that `to_dict` described.

        Parameters
        ----------
        described : dict
        weights : Path, optional
            Where the weights are now, if they came from a file that has moved.
        backend : {"torch", "openvino"}, optional
            As for `load_encoder`.

        Raises
        ------
        LongtailorError
            If the weights cannot be had, or are others than those described.
        """
        from longtailor.encoders.load import restore_encoder

        return restore_encoder(described, weights=weights, backend=backend)
