"""A whole detector as one network: from pixels and tokens to decisions."""

from __future__ import annotations

from typing import Any

import torch
from scipy.special import logit
from torch import Tensor, nn

from longtailor.catalog import IMAGE, TEXT
from longtailor.classifiers import compete
from longtailor.detector import Detector
from longtailor.encoders import AnyEncoder, Encoder, TextEncoder
from longtailor.encoders.encoder import View
from longtailor.encoders.networks import JoinedPhotoNetwork, PhotoNetwork, build_network
from longtailor.encoders.text_backends import MaskedMeanNetwork
from longtailor.encoders.text_networks import build_text_network

OUTPUTS = ("probability", "probability_corrected", "predicted", "logit", "embedding")
HIGHEST_LOGIT = 700.0
"""A threshold of exactly 0 or 1 is cut off here: beyond, a number of single precision holds it."""


class DetectorNetwork(nn.Module):
    """What `Detector` computes, as one network in single precision.

    Its forward takes the tensors of `inputs_of`, and gives those of `OUTPUTS`.

    Parameters
    ----------
    detector : Detector
        Its encoders are built anew, so that they are networks and not what a backend made of them.
    """

    cuts: Tensor
    correction: Tensor | None

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {name: build(encoder) for name, encoder in detector.loaded_encoders.items()}
        )
        self.classifier = detector.classifier
        self.competing = detector.competing
        self.exclusive = [columns.tolist() for columns in detector.exclusive_columns]
        cuts = torch.from_numpy(logit(detector.thresholds))
        self.register_buffer("cuts", cuts.clamp(-HIGHEST_LOGIT, HIGHEST_LOGIT).float())
        shift = detector.correction
        self.register_buffer("correction", None if shift is None else torch.tensor(shift).float())
        self.objective = detector.trained_with

    def forward(
        self,
        image: Tensor | None = None,
        has_image: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Give the tensors of `OUTPUTS`, each of shape (products, labels or numbers)."""
        blocks = []
        if image is not None:
            block = self.encoders[IMAGE](image)
            if has_image is not None:
                block = block.masked_fill(~has_image[:, None], torch.nan)
            blocks.append(block)
        if input_ids is not None:
            blocks.append(self.encoders[TEXT](input_ids, attention_mask))
        embedding = torch.cat(blocks, dim=1)
        scores = self.classifier(embedding)
        logits = compete(scores, self.competing)
        return (
            logits.sigmoid(),
            self.corrected(scores),
            self.decide(logits),
            logits,
            embedding,
        )

    def corrected(self, scores: Tensor) -> Tensor:
        """Give the probabilities without what the objective added."""
        if self.correction is not None:
            scores = scores - self.correction
        elif self.objective is not None:
            scores = self.objective.corrected(scores)
        return compete(scores, self.competing).sigmoid()

    def decide(self, logits: Tensor) -> Tensor:
        """Apply the thresholds as `longtailor.evaluation.decisions.decide` does."""
        margins = logits - self.cuts
        predicted = margins >= 0
        for columns in self.exclusive:
            best = margins[:, columns].argmax(dim=1, keepdim=True)
            predicted[:, columns] = best == torch.arange(len(columns))
        return predicted


def build(encoder: AnyEncoder) -> nn.Module:
    """Build the network of an encoder."""
    if isinstance(encoder, TextEncoder):
        return MaskedMeanNetwork(build_text_network(encoder.name, weights=encoder.weights.file)[0])
    if encoder.views:
        return JoinedPhotoNetwork([_photo_network(view) for view in encoder.views])
    return _photo_network(encoder)


def _photo_network(view: View | Encoder) -> PhotoNetwork:
    size = view.preprocessing.image_size
    network, _, _ = build_network(view.name, weights=view.weights.file, image_size=size)
    made = PhotoNetwork(network, view.preprocessing)
    made.fold()
    return made


def inputs_of(detector: Detector) -> dict[str, dict[int, str]]:
    """Give the names of the inputs and, by position, those of their dimensions that vary."""
    inputs: dict[str, dict[int, str]] = {}
    if IMAGE in detector.encoders:
        inputs["image"] = {0: "batch"}
    if TEXT in detector.encoders:
        if IMAGE in detector.encoders:
            inputs["has_image"] = {0: "batch"}
        tokens = {0: "batch", 1: "tokens"}
        inputs |= {"input_ids": tokens, "attention_mask": tokens}
    return inputs


def example_inputs(detector: Detector, batch: int = 2, tokens: int = 7) -> dict[str, Any]:
    """Give inputs to trace the network with."""
    made: dict[str, Any] = {}
    for modality, encoder in detector.loaded_encoders.items():
        if isinstance(encoder, TextEncoder):
            ones = torch.ones(batch, tokens, dtype=torch.int64)
            made |= {"input_ids": ones, "attention_mask": ones.clone()}
        else:
            shape = (batch, encoder.image_size, encoder.image_size, 3)
            made[modality] = torch.zeros(shape, dtype=torch.uint8)
    made["has_image"] = torch.ones(batch, dtype=torch.bool)
    return {name: made[name] for name in inputs_of(detector)}
