"""Score products on this machine, shard by shard."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

import numpy as np

from longtailor.catalog import Skip
from longtailor.catalog.products import Products
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, stream_embeddings
from longtailor.errors import ImageError
from longtailor.progress import track
from longtailor.scoring.output import ShardedOutput

SHARD = 4096
"""Products in a shard."""


@dataclass(frozen=True)
class Scored:
    """How many products were scored, and which were not."""

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
        Fail on an image that cannot be decoded, instead of listing it.

    Raises
    ------
    ImageError
        If an image cannot be decoded and `strict` is asked for.
    """
    shards = range(0, len(inputs.paths), SHARD)
    with track("Scoring", len(inputs.paths)) as advance, EmbeddingCache() as cache:
        for number, start in enumerate(shards):
            paths = inputs.paths[start : start + SHARD]
            if output.has(number):
                advance(len(paths))
                continue
            failed: list[tuple[int, str]] = []
            blocks = []
            for _, values in stream_embeddings(
                paths, detector.loaded_encoder, cache=cache, failed=failed
            ):
                blocks.append(values)
                advance(len(values))
            if strict and failed:
                raise ImageError(f"{failed[0][1]} (strict)")
            good = np.ones(len(paths), dtype=bool)
            good[[at for at, _ in failed]] = False
            embeddings = np.concatenate(blocks)[good]
            probabilities = detector.probabilities(embeddings)
            at = start + np.flatnonzero(good)
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
                    for at, reason in failed
                ],
            )
    unreadable = output.finish(len(shards))
    return Scored(len(inputs.paths) - len(unreadable), [*inputs.skipped, *unreadable])


def plan(
    detector: Detector, inputs: Products, *, exclusive: bool, corrected: bool
) -> dict[str, object]:
    """Describe what decides the content of the predictions."""
    weights = detector.classifier.weight.detach().numpy().tobytes()
    return {
        "detector": hashlib.sha256(weights).hexdigest(),
        "thresholds": detector.thresholds.tolist(),
        "labels": list(detector.space.labels),
        "encoder": detector.loaded_encoder.fingerprint,
        "products": hashlib.sha256(
            "\0".join([*inputs.ids, *inputs.names, *map(os.path.abspath, inputs.paths)]).encode()
        ).hexdigest(),
        "exclusive": exclusive,
        "corrected": corrected,
        "shard": SHARD,
    }
