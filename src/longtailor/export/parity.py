"""Whether an exported file scores as its detector does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.special import expit, logit

from longtailor.catalog import IMAGE, TEXT
from longtailor.catalog.images import open_image, upright_rgb
from longtailor.detector import Detector
from longtailor.encoders import Encoder, TextEncoder
from longtailor.errors import LongtailorError
from longtailor.export.network import OUTPUTS
from longtailor.samples.photo import draw_photo
from longtailor.samples.sampling import sample_products

TOLERANCE = 1e-4
"""Largest difference of a probability."""
DRAWN = 16
"""Products that are drawn where none are given."""
_CLOSE = 1e-3
"""Decisions closer than this, in logits, may fall either way."""

Photo = Path | Image.Image
Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Sample:
    """Products to compare on: images and texts, None for what a product lacks."""

    images: Sequence[Photo | None]
    texts: Sequence[str | None]

    def for_detector(self, detector: Detector) -> dict[str, Any]:
        """Give the arguments of `Detector.embed`."""
        given = {IMAGE: self.images, TEXT: self.texts}
        names = {IMAGE: "images", TEXT: "texts"}
        return {names[modality]: list(given[modality]) for modality in detector.encoders}


def drawn_sample(detector: Detector) -> Sample:
    """Draw products of the sample catalogue; of two modalities, some lack one."""
    drawn = sample_products(96, seed=0)[:DRAWN]
    images: list[Photo | None] = [draw_photo(product, 0, 224) for product in drawn]
    texts: list[str | None] = [" ".join(product.cells().values()) for product in drawn]
    if len(detector.encoders) == 2:
        images[0] = texts[1] = None
    return Sample(images, texts)


def check_parity(path: Path, detector: Detector, sample: Sample) -> float:
    """Score products with the file and with the detector.

    The first product goes through the file alone and the rest together.

    Parameters
    ----------
    path : Path
        The ONNX file.
    detector : Detector
    sample : Sample

    Returns
    -------
    float
        The largest difference of a probability.

    Raises
    ------
    LongtailorError
        If it is above `TOLERANCE`, or a decision differs that is not close.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    count = len(sample.images)
    parts = [
        session.run(OUTPUTS, feeds(detector, sample, rows))
        for rows in (range(1), range(1, count))
        if len(rows)
    ]
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    got = dict(zip(OUTPUTS, joined, strict=True))
    embeddings = detector.embed(**sample.for_detector(detector))
    worst = 0.0
    for name, corrected in (("probability", False), ("probability_corrected", True)):
        wanted = detector.probabilities(embeddings, corrected=corrected)
        difference = np.abs(got[name] - wanted)
        # A NaN is no agreement.
        if not (difference <= TOLERANCE).all():
            row, label = np.unravel_index(
                np.argmax(np.nan_to_num(difference, nan=1.0)), wanted.shape
            )
            raise LongtailorError(
                f"the exported file does not score as the detector: {name} of "
                f"{detector.space.labels[label]} for product {row} is {got[name][row, label]:.6f} "
                f"and not {wanted[row, label]:.6f}; nothing was written"
            )
        worst = max(worst, float(difference.max()))
    logits = got["logit"].astype(np.float64)
    rows = _clear(logits, detector)
    if (got["predicted"][rows] != detector.decide(expit(logits[rows]))).any():
        raise LongtailorError(
            "the exported file does not decide as the detector; nothing was written"
        )
    return worst


def feeds(detector: Detector, sample: Sample, rows: Sequence[int]) -> Feeds:
    """Give the inputs of an exported file for some of the products."""
    made: Feeds = {}
    for modality, encoder in detector.loaded_encoders.items():
        if isinstance(encoder, TextEncoder):
            made |= _tokens(encoder, [sample.texts[row] for row in rows])
        else:
            photos = [sample.images[row] for row in rows]
            made[modality] = np.stack([_pixels(encoder, photo) for photo in photos])
            made["has_image"] = np.array([photo is not None for photo in photos])
    if TEXT not in detector.encoders:
        del made["has_image"]
    return made


def _pixels(encoder: Encoder, photo: Photo | None) -> npt.NDArray[np.uint8]:
    size = encoder.image_size
    if photo is None:
        return np.zeros((size, size, 3), np.uint8)
    opened = upright_rgb(photo) if isinstance(photo, Image.Image) else open_image(photo, draft=size)
    return encoder.preprocess(opened)


def _tokens(encoder: TextEncoder, texts: Sequence[str | None]) -> Feeds:
    tokens = encoder.tokenizer([text or "" for text in texts])
    length = max(len(some) for some in tokens)
    ids, mask = (np.zeros((len(texts), length), np.int64) for _ in range(2))
    for row, (text, some) in enumerate(zip(texts, tokens, strict=True)):
        if text is not None:
            ids[row, : len(some)], mask[row, : len(some)] = some, 1
    return {"input_ids": ids, "attention_mask": mask}


def _clear(logits: npt.NDArray[np.float64], detector: Detector) -> npt.NDArray[np.bool_]:
    """Give the mask of the products without a close decision."""
    margins = logits - np.clip(logit(detector.thresholds), -700, 700)
    close = np.abs(margins) < _CLOSE
    for columns in detector.exclusive_columns:
        ranked = np.sort(margins[:, columns], axis=1)
        tied = ranked[:, -1] - ranked[:, -2] < _CLOSE if len(columns) > 1 else False
        close[:, columns] = np.reshape(tied, (-1, 1))
    return np.asarray(~close.any(axis=1))
