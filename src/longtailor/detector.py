"""The artefact: encoder, classifier, thresholds and label space, saved, loaded and used as one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from scipy.special import expit

from longtailor.catalog.images import open_image
from longtailor.classifiers import LinearClassifier, compete
from longtailor.encoders import EmbeddingCache, Encoder, embed_images
from longtailor.errors import LongtailorError
from longtailor.evaluation.decisions import decide
from longtailor.files import replacing, write_json
from longtailor.labels import LabelSpace

Photo = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8] | torch.Tensor
Floats = npt.NDArray[np.float64]

FORMAT = 1
DESCRIPTION, TENSORS, FOLDER = "detector.json", "classifier.safetensors", "detector"


@dataclass(eq=False)
class Detector:
    """Predicts labels from photos or from embeddings.

    Parameters
    ----------
    space : LabelSpace
    classifier : LinearClassifier
    thresholds : ndarray of float64, shape (labels,)
        Applied to the probabilities as the objective made them.
    encoder : dict or Encoder
        The encoder, or its description, from which it is loaded when first needed.
    objective : dict
        Name and settings of the objective it was trained with.
    correction : ndarray of float64, shape (labels,), optional
        What the objective added to the logit of each label; None where that is not known.
    competing : list of list of int
        Columns of each attribute that was trained with a softmax.
    """

    space: LabelSpace
    classifier: LinearClassifier
    thresholds: Floats
    encoder: dict[str, Any] | Encoder
    objective: dict[str, Any] = field(default_factory=dict)
    correction: Floats | None = None
    competing: list[list[int]] = field(default_factory=list)

    @cached_property
    def loaded_encoder(self) -> Encoder:
        """The encoder, loaded.

        Raises
        ------
        LongtailorError
            If its weights cannot be had, or are others than those the classifier was fitted on.
        """
        return (
            self.encoder if isinstance(self.encoder, Encoder) else Encoder.from_dict(self.encoder)
        )

    @property
    def exclusive_columns(self) -> list[npt.NDArray[np.intp]]:
        """The columns of each exclusive attribute."""
        return [self.space.groups[attribute] for attribute in sorted(self.space.exclusive)]

    def logits(self, embeddings: npt.ArrayLike) -> Floats:
        """Score embeddings of shape (products, dim): logits of shape (products, labels)."""
        inputs = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32))
        if inputs.ndim != 2 or inputs.shape[1] != self.classifier.dim:
            raise LongtailorError(
                f"embeddings have shape {tuple(inputs.shape)}; "
                f"this detector takes (products, {self.classifier.dim})"
            )
        with torch.inference_mode():
            logits = compete(self.classifier(inputs), self.competing)
        return logits.numpy().astype(np.float64)

    def probabilities(self, embeddings: npt.ArrayLike, *, corrected: bool = False) -> Floats:
        """Give probabilities of shape (products, labels).

        Parameters
        ----------
        embeddings : array_like of float, shape (products, dim)
        corrected : bool
            Take away what the objective's weights added, so that 0.3 means three in ten. The
            thresholds belong to the probabilities that are not corrected.
        """
        logits = self.logits(embeddings)
        if corrected and self.correction is not None:
            logits = logits - self.correction
        return np.asarray(expit(logits))

    def decide(self, probabilities: Floats, *, exclusive: bool = True) -> npt.NDArray[np.bool_]:
        """Apply the thresholds; of an exclusive attribute exactly one value is predicted.

        Parameters
        ----------
        probabilities : ndarray, shape (products, labels)
            Not corrected.
        exclusive : bool
            If false, each label is decided by itself.
        """
        return decide(probabilities, self.thresholds, self.exclusive_columns if exclusive else None)

    def predict(self, images: Sequence[Photo], *, exclusive: bool = True) -> pl.DataFrame:
        """Predict the labels of photos.

        Parameters
        ----------
        images : sequence of paths, PIL images, uint8 arrays (H, W, 3) or uint8 tensors (3, H, W)
        exclusive : bool
            Predict exactly one value of an exclusive attribute.

        Returns
        -------
        polars.DataFrame
            One row a photo and label: `id` (the position), `image` (the path, if it is one),
            `label`, `score` (a probability, as the objective made it), `predicted`.

        Raises
        ------
        ImageError
            If a photo cannot be decoded.
        """
        if isinstance(images, str | os.PathLike | Image.Image):
            images = [images]
        probabilities = self.probabilities(self.embed(images))
        return self.table(
            [str(position) for position in range(len(images))],
            [os.fspath(i) if isinstance(i, str | os.PathLike) else None for i in images],
            probabilities,
            self.decide(probabilities, exclusive=exclusive),
        )

    def table(
        self,
        ids: Sequence[str],
        images: Sequence[str | None],
        probabilities: Floats,
        predicted: npt.NDArray[np.bool_],
    ) -> pl.DataFrame:
        """Lay predictions of shape (products, labels) out as one row a product and label."""
        labels = len(self.space)
        return pl.DataFrame(
            {
                "id": pl.Series(ids, dtype=pl.String).gather(
                    np.repeat(np.arange(len(ids)), labels)
                ),
                "image": pl.Series(images, dtype=pl.String).gather(
                    np.repeat(np.arange(len(ids)), labels)
                ),
                "label": pl.Series(list(self.space.labels) * len(ids), dtype=pl.String),
                "score": probabilities.ravel(),
                "predicted": predicted.ravel(),
            }
        )

    def embed(self, images: Sequence[Photo]) -> npt.NDArray[np.float32]:
        """Embed photos: shape (photos, dim)."""
        encoder = self.loaded_encoder
        pixels = [encoder.preprocess(_photo(image, encoder.image_size)) for image in images]
        return (
            encoder.encode(np.stack(pixels)) if pixels else np.empty((0, encoder.dim), np.float32)
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `detector.json` and `classifier.safetensors`, each whole or not at all."""
        folder = Path(folder)
        tensors = save_tensors(
            {
                "weight": self.classifier.weight.detach().contiguous(),
                "bias": self.classifier.bias.detach().contiguous(),
            }
        )
        with replacing(folder / TENSORS) as temporary:
            temporary.write_bytes(tensors)
        encoder = self.encoder.to_dict() if isinstance(self.encoder, Encoder) else self.encoder
        write_json(
            folder / DESCRIPTION,
            {
                "format": FORMAT,
                **self.space.to_dict(),
                "thresholds": self.thresholds.tolist(),
                "correction": None if self.correction is None else self.correction.tolist(),
                "competing": self.competing,
                "objective": self.objective,
                "encoder": encoder,
                "sha256": {TENSORS: hashlib.sha256(tensors).hexdigest()},
            },
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Detector:
        """Load a detector from a run folder or from its `detector` folder. Nothing is executed.

        Raises
        ------
        LongtailorError
            If there is none, or it is damaged, or it was written by a newer longtailor.
        """
        folder = Path(path)
        if not (folder / DESCRIPTION).is_file():
            folder = folder / FOLDER
        try:
            described = json.loads((folder / DESCRIPTION).read_bytes())
            tensors = (folder / TENSORS).read_bytes()
        except OSError as error:
            raise LongtailorError(
                f"{path} holds no detector ({error.strerror}): give a folder that fit wrote"
            ) from error
        except ValueError as error:
            raise LongtailorError(f"{folder / DESCRIPTION} is damaged: {error}") from error
        return cls._from_parts(folder, described, tensors)

    @classmethod
    def _from_parts(cls, folder: Path, described: Any, tensors: bytes) -> Detector:
        try:
            version = described["format"]
            if version != FORMAT:
                raise LongtailorError(
                    f"{folder / DESCRIPTION} has format {version!r}, and this longtailor reads "
                    f"{FORMAT}: use the longtailor that wrote it, or a newer one"
                )
            if hashlib.sha256(tensors).hexdigest() != described["sha256"][TENSORS]:
                raise LongtailorError(
                    f"{folder / TENSORS} is not the file that {DESCRIPTION} was written with: "
                    "it was changed or damaged; fit again or copy the whole folder again"
                )
            loaded = load_tensors(tensors)
            space = LabelSpace.from_dict(described)
            correction = described["correction"]
            detector = cls(
                space,
                LinearClassifier(loaded["weight"], loaded["bias"]),
                np.array(described["thresholds"], dtype=np.float64),
                described["encoder"],
                described["objective"],
                None if correction is None else np.array(correction, dtype=np.float64),
                described["competing"],
            )
            counts = {detector.classifier.labels, len(space), len(detector.thresholds)}
            if len(counts) > 1:
                raise ValueError("labels, thresholds and weights differ in number")
        except (KeyError, TypeError, ValueError, SafetensorError) as error:
            raise LongtailorError(f"{folder / DESCRIPTION} is damaged: {error}") from error
        return detector


def embed_files(
    paths: Sequence[Path], encoder: Encoder, *, cached: bool = True
) -> tuple[npt.NDArray[np.float32], list[tuple[int, str]]]:
    """Embed image files through the cache: embeddings (NaN where unreadable) and the failures."""
    if not cached:
        embeddings = embed_images(paths, encoder, cache=None)
    else:
        with EmbeddingCache() as cache:
            embeddings = embed_images(paths, encoder, cache=cache)
    return embeddings.values, embeddings.failed


def _photo(image: Photo, size: int) -> Image.Image:
    if isinstance(image, str | os.PathLike):
        return open_image(Path(image), draft=size)
    if isinstance(image, torch.Tensor):
        image = image.detach().cpu().movedim(0, -1).numpy()
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise LongtailorError(
            f"an image given as an array has uint8 pixels of shape (height, width, 3), and as a "
            f"tensor (3, height, width); not {array.dtype} {array.shape}"
        )
    return Image.fromarray(array)
