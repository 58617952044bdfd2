"""The artefact: encoder, classifier, thresholds and label space, saved, loaded and used as one."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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

from longtailor.catalog import IMAGE, MODALITIES, TEXT
from longtailor.catalog.images import open_image, upright_rgb
from longtailor.classifiers import (
    BlendedClassifier,
    Block,
    Classifier,
    LinearClassifier,
    compete,
)
from longtailor.encoders import AnyEncoder, Encoder, TextEncoder, embed_texts
from longtailor.errors import LongtailorError, UsageError
from longtailor.evaluation.decisions import decide
from longtailor.evaluation.promises import Promise
from longtailor.files import read_json, replacing, write_json
from longtailor.labels import LabelSpace
from longtailor.objectives import AnyObjective, build_for

Photo = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8] | torch.Tensor
Floats = npt.NDArray[np.float64]

FORMAT = 2
DESCRIPTION, TENSORS, FOLDER = "detector.json", "classifier.safetensors", "detector"
BATCH_SIZE = 64
"""Photos that are in memory at once."""
SCORED_AT_ONCE = 4096
"""Embeddings that a classifier is given at a time."""


@dataclass(eq=False)
class Detector:
    """Predicts labels from photos, texts, both, or embeddings.

    Parameters
    ----------
    space : LabelSpace
    classifier : LinearClassifier or BlendedClassifier
    thresholds : ndarray of float64, shape (labels,)
        Applied to the probabilities as the objective made them.
    encoders : mapping of str to (dict, Encoder or TextEncoder)
        By modality, `"image"` before `"text"`: the encoder, or its description, from which it is
        loaded when first needed. Embeddings are its embeddings side by side.
    objective : dict
        The objective it was trained with: `name`, `settings`, and `specification`, `positives` and
        `known`, from which `longtailor.objectives.build_for` makes it again.
    correction : ndarray of float64, shape (labels,), optional
        What the objective added to the logit of each label; None where that is no constant.
    competing : list of list of int
        Columns of each attribute that was trained with a softmax.
    tuned : dict of str to Path
        The safetensors file of each encoder, by modality, whose weights are the detector's own.
    promise : Promise, optional
        The precision that its thresholds promise. Labels without a promise are never predicted,
        and every label is decided by itself: one value of each exclusive attribute would be
        predicted below its threshold.
    """

    space: LabelSpace
    classifier: Classifier
    thresholds: Floats
    encoders: Mapping[str, dict[str, Any] | AnyEncoder]
    objective: dict[str, Any] = field(default_factory=dict)
    correction: Floats | None = None
    competing: list[list[int]] = field(default_factory=list)
    tuned: dict[str, Path] = field(default_factory=dict)
    promise: Promise | None = None

    @cached_property
    def loaded_encoders(self) -> dict[str, AnyEncoder]:
        """The encoders, loaded, by modality.

        Raises
        ------
        LongtailorError
            If its weights cannot be had, or are others than those the classifier was fitted on.
        """
        return {
            modality: _loaded(modality, one, self.tuned.get(modality))
            for modality, one in self.encoders.items()
        }

    @property
    def exclusive_columns(self) -> list[npt.NDArray[np.intp]]:
        """The columns of each attribute of which exactly one value is predicted."""
        if self.promise is not None:
            return []
        return [self.space.groups[attribute] for attribute in sorted(self.space.exclusive)]

    def logits(self, embeddings: npt.ArrayLike, *, corrected: bool = False) -> Floats:
        """Score embeddings.

        Parameters
        ----------
        embeddings : array_like of float, shape (products, dim)
            The encoders' embeddings side by side. NaN in the block of a modality that a product
            does not have: it then counts as the average block.
        corrected : bool
            Take away what the objective added, so that the sigmoid is the probability in the world
            as it is; as they are, where the objective's logits do not tell probabilities.

        Returns
        -------
        ndarray of float64, shape (products, labels)
        """
        inputs = torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32))
        if inputs.ndim != 2 or inputs.shape[1] != self.classifier.dim:
            raise LongtailorError(
                f"embeddings have shape {tuple(inputs.shape)}; "
                f"this detector takes (products, {self.classifier.dim})"
            )
        sizes = [block.dim for block in self.classifier.blocks]
        for part in torch.split(inputs.isnan(), sizes, dim=1):
            if (part.any(dim=1) != part.all(dim=1)).any():
                raise LongtailorError("an embedding is NaN in part; its encoder may be damaged")
        with torch.inference_mode():
            # Kernel classifiers compare each product with thousands of others.
            logits = torch.cat(
                [self.classifier(part) for part in torch.split(inputs, SCORED_AT_ONCE)]
            )
            logits = logits.double()
            if corrected:
                logits = self._corrected(logits)
            return np.asarray(compete(logits, self.competing).numpy())

    def probabilities(self, embeddings: npt.ArrayLike, *, corrected: bool = False) -> Floats:
        """Give probabilities of shape (products, labels).

        Parameters
        ----------
        embeddings : array_like of float, shape (products, dim)
        corrected : bool
            As for `logits`. The thresholds belong to the probabilities that are not corrected.
        """
        return np.asarray(expit(self.logits(embeddings, corrected=corrected)))

    @cached_property
    def trained_with(self) -> AnyObjective | None:
        """The objective, made again from its description; None where `correction` says it all.

        Raises
        ------
        KeyError, UsageError
            If the description is damaged.
        """
        if self.correction is not None or "specification" not in self.objective:
            return None
        positives, known = self.objective["positives"], self.objective["known"]
        made = build_for(self.objective["specification"], self.space, positives, known)
        # What sets in at some epoch was in force, or not yet, when the weights were kept.
        made.set_epoch(self.objective.get("epoch", 0))
        return made

    def _corrected(self, logits: torch.Tensor) -> torch.Tensor:
        if self.correction is not None:
            return logits - torch.from_numpy(self.correction)
        return logits if self.trained_with is None else self.trained_with.corrected(logits)

    def decide(self, probabilities: Floats, *, exclusive: bool = True) -> npt.NDArray[np.bool_]:
        """Apply the thresholds; of an exclusive attribute exactly one value is predicted.

        Parameters
        ----------
        probabilities : ndarray, shape (products, labels)
            Not corrected.
        exclusive : bool
            If false, each label is decided by itself.
        """
        columns = self.exclusive_columns if exclusive else None
        predicted = decide(probabilities, self.thresholds, columns)
        return predicted if self.promise is None else predicted & self.promise.kept

    def predict(
        self,
        images: Photo | Sequence[Photo | None] | None = None,
        *,
        texts: str | Sequence[str | None] | None = None,
        exclusive: bool = True,
    ) -> pl.DataFrame:
        """Predict the labels of photos, of texts, or of products with both.

        Parameters
        ----------
        images : sequence of paths, PIL images, uint8 arrays (H, W, 3) or uint8 tensors (3, H, W)
            Or a single one. A PIL image is treated as its file would be.
        texts : str or sequence of str, optional
            With `images`, text by text those of the same products: None in either sequence where
            a product has no such thing. Texts of blanks only are none.
        exclusive : bool
            Predict exactly one value of an exclusive attribute.

        Returns
        -------
        polars.DataFrame
            One row a product and label: `id` (the position), `image` (the path, if it is one),
            `label`, `score` (a probability, as the objective made it), `predicted`.

        Raises
        ------
        ImageError
            If a photo cannot be decoded.
        UsageError
            If images and texts differ in number, or the detector knows no such thing.
        LongtailorError
            If an array or tensor is no photo, or a product has nothing that the detector reads.
        """
        if texts is None:
            embeddings = self.embed(photos := _photos([] if images is None else images))
        else:
            texts = [texts] if isinstance(texts, str) else list(texts)
            photos = [None] * len(texts) if images is None else _photos(images)
            embeddings = self.embed(photos if images is not None else None, texts=texts)
        probabilities = self.probabilities(embeddings)
        return self.table(
            [str(position) for position in range(len(photos))],
            [os.fspath(i) if isinstance(i, str | os.PathLike) else None for i in photos],
            probabilities,
            self.decide(probabilities, exclusive=exclusive),
        )

    def table(
        self,
        ids: Sequence[str],
        images: Sequence[str | None],
        probabilities: Floats,
        predicted: npt.NDArray[np.bool_],
        corrected: Floats | None = None,
    ) -> pl.DataFrame:
        """Lay predictions of shape (products, labels) out as one row a product and label.

        `corrected` probabilities, if given, get a column `score_corrected`.
        """
        product = np.repeat(np.arange(len(ids)), len(self.space))
        table = pl.DataFrame(
            {
                "id": pl.Series(ids, dtype=pl.String).gather(product),
                "image": pl.Series(images, dtype=pl.String).gather(product),
                "label": pl.Series(list(self.space.labels) * len(ids), dtype=pl.String),
                "score": probabilities.ravel(),
                "predicted": predicted.ravel(),
            }
        )
        if corrected is None:
            return table
        return table.with_columns(score_corrected=corrected.ravel())

    def embed(
        self,
        images: Sequence[Photo | None] | None = None,
        *,
        texts: Sequence[str | None] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Embed photos, texts or both: shape (products, dim), NaN where one is missing.

        Raises
        ------
        UsageError
            If they differ in number, or the detector knows no such thing.
        LongtailorError
            If a product has nothing that the detector reads.
        """
        given = {IMAGE: images, TEXT: texts}
        unread = [m for m in MODALITIES if given[m] is not None and m not in self.encoders]
        if unread:
            raise UsageError(
                f"this detector was fitted to {' and '.join(self.encoders)}s, and reads no "
                f"{unread[0]}"
            )
        lengths = {len(values) for values in given.values() if values is not None}
        if len(lengths) != 1:
            raise UsageError("give images, texts, or as many images as texts (None for none)")
        (count,) = lengths
        blocks = [
            _embed(encoder, given[modality] or [None] * count)
            for modality, encoder in self.loaded_encoders.items()
        ]
        missing = np.all([np.isnan(block).any(axis=1) for block in blocks], axis=0)
        if missing.any():
            raise LongtailorError(
                f"product {int(np.argmax(missing))} has no {' and no '.join(self.encoders)}"
            )
        return np.concatenate(blocks, axis=1)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `detector.json` and `classifier.safetensors`, each whole or not at all.

        Encoders that were fine-tuned are written beside them.
        """
        folder = Path(folder)
        encoders = {
            modality: one if isinstance(one, dict) else one.to_dict()
            for modality, one in self.encoders.items()
        }
        for modality, file in self.tuned.items():
            name = f"{modality}.safetensors"
            with replacing(folder / name) as temporary:
                shutil.copyfile(file, temporary)
            # Beside the description: the folder can be moved.
            weights = {**encoders[modality]["weights"], "path": name}
            encoders[modality] = {**encoders[modality], "weights": weights}
        parts = {name: one.contiguous() for name, one in self.classifier.state_dict().items()}
        if "landmarks" in parts:
            # They were fitted in half precision.
            parts["landmarks"] = parts["landmarks"].half()
        tensors = save_tensors(parts)
        blended = isinstance(self.classifier, BlendedClassifier)
        with replacing(folder / TENSORS) as temporary:
            temporary.write_bytes(tensors)
        write_json(
            folder / DESCRIPTION,
            {
                "format": FORMAT,
                **self.space.to_dict(),
                "thresholds": self.thresholds.tolist(),
                "correction": None if self.correction is None else self.correction.tolist(),
                "competing": self.competing,
                "objective": self.objective,
                "encoders": encoders,
                **({"blended": {"competing": self.classifier.competing}} if blended else {}),
                **({} if self.promise is None else {"promise": self.promise.to_dict()}),
                "blocks": [asdict(block) for block in self.classifier.blocks],
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
            described = read_json(folder / DESCRIPTION)
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
            if version not in (1, FORMAT):
                raise LongtailorError(
                    f"{folder / DESCRIPTION} has format {version!r}, and this longtailor reads "
                    f"1 and {FORMAT}: use the longtailor that wrote it, or a newer one"
                )
            if hashlib.sha256(tensors).hexdigest() != described["sha256"][TENSORS]:
                raise LongtailorError(
                    f"{folder / TENSORS} is not the file that {DESCRIPTION} was written with: "
                    "it was changed or damaged; fit again or copy the whole folder again"
                )
            if version == 1:
                described = {**described, "encoders": {IMAGE: described["encoder"]}}
            encoders = described["encoders"]
            loaded = load_tensors(tensors)
            space = LabelSpace.from_dict(described)
            correction = described["correction"]
            detector = cls(
                space,
                _classifier(version, described, loaded),
                np.array(described["thresholds"], dtype=np.float64),
                encoders,
                described["objective"],
                None if correction is None else np.array(correction, dtype=np.float64),
                described["competing"],
            )
            if "promise" in described:
                detector.promise = Promise.from_dict(described["promise"], detector.thresholds)
            _check(detector, encoders)
            detector.tuned = _tuned(folder, encoders)
        except KeyError as error:
            raise LongtailorError(
                f"{folder / DESCRIPTION} is damaged: {error} is missing"
            ) from error
        except (
            AttributeError,
            TypeError,
            ValueError,
            RuntimeError,
            SafetensorError,
            UsageError,
        ) as error:
            raise LongtailorError(f"{folder / DESCRIPTION} is damaged: {error}") from error
        return detector


def _classifier(
    version: int, described: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> Classifier:
    if version == 1:
        return LinearClassifier(tensors["weight"], tensors["bias"])
    blocks = [Block(**block) for block in described["blocks"]]
    blended = described.get("blended")
    prefix = "" if blended is None else "linear."
    weight, bias, average = (tensors[prefix + name] for name in ("weight", "bias", "average"))
    linear = LinearClassifier(weight, bias, blocks, average)
    if blended is None:
        return linear
    return BlendedClassifier(
        linear,
        tensors["scale"],
        tensors["landmarks"],
        tensors["width"],
        tensors["kernel_weight"],
        tensors.get("slope"),
        tensors.get("offset"),
        blended["competing"],
    )


def _check(detector: Detector, encoders: dict[str, Any]) -> None:
    """Raise ValueError where the parts of a detector do not fit each other."""
    labels = len(detector.space)
    per_label = [detector.thresholds]
    if detector.correction is not None:
        per_label.append(detector.correction)
    if detector.classifier.labels != labels or any(v.shape != (labels,) for v in per_label):
        raise ValueError("labels, thresholds and weights differ in number")
    if not ((detector.thresholds >= 0) & (detector.thresholds <= 1)).all():
        raise ValueError("a threshold is no number from 0 to 1")
    numbers = detector.classifier.state_dict().values()
    if not all(n.is_floating_point() and bool(n.isfinite().all()) for n in numbers):
        raise ValueError("a weight is not finite")
    if list(encoders) not in ([IMAGE], [TEXT], [IMAGE, TEXT]):
        raise ValueError(f"its encoders are of {list(encoders)}")
    given = [
        view["dim"] for encoder in encoders.values() for view in encoder.get("views") or [encoder]
    ]
    taken = [block.dim for block in detector.classifier.blocks]
    if given != taken:
        raise ValueError(f"the encoders give {given} numbers and the classifier takes {taken}")
    # Built here, so that a damaged description is told as one.
    _ = detector.trained_with
    competing = list(detector.competing)
    if isinstance(detector.classifier, BlendedClassifier):
        competing += detector.classifier.competing
    if any(not 0 <= column < labels for columns in competing for column in columns):
        raise ValueError("an attribute that was trained with a softmax has a column too many")


def _tuned(folder: Path, encoders: dict[str, Any]) -> dict[str, Path]:
    """Give the files of the encoders that are beside the description."""
    paths = {name: one.get("weights", {}).get("path") for name, one in encoders.items()}
    return {name: folder / path for name, path in paths.items() if path and Path(path).name == path}


def _loaded(
    modality: str, encoder: dict[str, Any] | AnyEncoder, weights: Path | None
) -> AnyEncoder:
    if not isinstance(encoder, dict):
        return encoder
    try:
        if modality == TEXT:
            return TextEncoder.from_dict(encoder, weights=weights)
        return Encoder.from_dict(encoder, weights=weights)
    except (KeyError, TypeError, IndexError) as error:
        raise LongtailorError(
            f"the detector does not describe its encoder as it should ({error!r}): fit again"
        ) from error


def _embed(encoder: AnyEncoder, products: Sequence[Any]) -> npt.NDArray[np.float32]:
    """Embed photos or texts, None giving NaN."""
    if isinstance(encoder, TextEncoder):
        return embed_texts(products, encoder, cache=None)
    values = np.full((len(products), encoder.dim), np.nan, np.float32)
    at = [row for row, product in enumerate(products) if product is not None]
    for start in range(0, len(at), BATCH_SIZE):
        rows = at[start : start + BATCH_SIZE]
        pixels = [encoder.preprocess(_photo(products[row], encoder.image_size)) for row in rows]
        values[rows] = encoder.encode(np.stack(pixels))
    return values


def _photos(images: Photo | Sequence[Photo | None]) -> Sequence[Photo | None]:
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if isinstance(images, np.ndarray | torch.Tensor):
        return [images] if images.ndim == 3 else list(images)
    return list(images)


def _photo(image: Photo, size: int) -> Image.Image:
    if isinstance(image, str | os.PathLike):
        return open_image(Path(image), draft=size)
    if isinstance(image, Image.Image):
        return upright_rgb(image)
    if isinstance(image, torch.Tensor):
        array = image.detach().cpu().numpy()
        right = array.ndim == 3 and array.shape[0] == 3
        pixels = array.transpose(1, 2, 0) if right else array
    else:
        array = pixels = np.asarray(image)
        right = array.ndim == 3 and array.shape[2] == 3
    if not right or array.dtype != np.uint8 or not array.size:
        raise LongtailorError(
            f"an image given as an array has uint8 pixels of shape (height, width, 3), and as a "
            f"tensor (3, height, width); not {array.dtype} {array.shape}"
        )
    return Image.fromarray(np.ascontiguousarray(pixels))
