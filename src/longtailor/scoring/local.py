"""Score products on this machine, shard by shard."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np

from longtailor.catalog import Skip
from longtailor.catalog.products import Products
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import LongtailorError
from longtailor.progress import track
from longtailor.scoring.output import ShardedOutput

SHARD = 4096
"""Products in a shard."""


@dataclass(frozen=True)
class Scored:
    """How many products were scored, and what could not be used."""

    products: int
    skipped: list[Skip]


def score(
    detector: Detector,
    inputs: Products,
    output: ShardedOutput,
    *,
    exclusive: bool = True,
    corrected: bool = False,
    strict: bool = False,
) -> Scored:
    """Score products and write one row a product and label.

    Parameters
    ----------
    detector : Detector
    inputs : Products
    output : ShardedOutput
        Shards that are there already are not made again.
    exclusive : bool
        Predict exactly one value of an exclusive attribute.
    corrected : bool
        Add the probabilities without what the objective's weights added.
    strict : bool
        Fail on what would be listed.

    Raises
    ------
    LongtailorError
        If an image cannot be decoded, or a product has nothing that the detector reads, and
        `strict` is asked for.
    """
    shards = range(0, len(inputs.ids), SHARD)
    encoders = detector.loaded_encoders
    steps = len(inputs.ids) * len(encoders)
    with track("Scoring", steps) as advance, EmbeddingCache() as cache:
        for number, start in enumerate(shards):
            paths = inputs.paths[start : start + SHARD]
            if output.has(number):
                advance(len(paths) * len(encoders))
                continue
            texts = inputs.texts[start : start + SHARD]
            embedded = embed_inputs(paths, texts, encoders, cache=cache, advance=advance)
            if strict and embedded.failures:
                first, reason = embedded.failures[0]
                raise LongtailorError(
                    f"row {inputs.rows[start + first]}: {inputs.ids[start + first]}: {reason} "
                    "(strict)"
                )
            embeddings = embedded.values[embedded.usable]
            probabilities = detector.probabilities(embeddings)
            at = start + np.flatnonzero(embedded.usable)
            output.put(
                number,
                detector.table(
                    [inputs.ids[i] for i in at],
                    [inputs.names[i] for i in at],
                    probabilities,
                    detector.decide(probabilities, exclusive=exclusive),
                    detector.probabilities(embeddings, corrected=True) if corrected else None,
                ),
                [
                    Skip(inputs.rows[start + at], inputs.ids[start + at], reason)
                    for at, reason in embedded.failures
                ],
            )
    rows, skipped = output.finish(len(shards))
    return Scored(rows // len(detector.space), [*inputs.skipped, *skipped])


def plan(
    detector: Detector, inputs: Products, *, exclusive: bool, corrected: bool
) -> dict[str, object]:
    """Describe what decides the content of the predictions."""
    products = [
        inputs.ids,
        inputs.names,
        [path and os.path.abspath(path) for path in inputs.paths],  # noqa: PTH100
        inputs.texts,
    ]
    digest = hashlib.sha256()
    for tensor in detector.classifier.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return {
        "detector": digest.hexdigest(),
        "thresholds": detector.thresholds.tolist(),
        "labels": list(detector.space.labels),
        "encoders": [encoder.fingerprint for encoder in detector.loaded_encoders.values()],
        "products": hashlib.sha256(json.dumps(products).encode()).hexdigest(),
        "exclusive": exclusive,
        "corrected": corrected,
        "shard": SHARD,
    }
