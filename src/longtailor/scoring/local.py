"""Score products on this machine, shard by shard."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from longtailor.catalog import Skip
from longtailor.detector import Detector
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import LongtailorError
from longtailor.progress import Advance, track
from longtailor.scoring.inputs import Inputs, find
from longtailor.scoring.output import SHARD, ShardedOutput

CACHED = 100_000
"""Up to so many products, their embeddings are kept in the cache: at 5 kB each, half a gigabyte.

Of more, those that the cache holds are used and none is added: shards already keep what was
scored, and a million embeddings would take 5 GB of the user's home.
"""


@dataclass(frozen=True)
class ScoreOptions:
    """How products are scored.

    Attributes
    ----------
    exclusive : bool
        Predict exactly one value of an exclusive attribute.
    corrected : bool
        Add the probabilities without what the objective's weights added.
    strict : bool
        Fail on what would be skipped and listed.
    """

    exclusive: bool = True
    corrected: bool = False
    strict: bool = False


def plan(detector: Detector, inputs: Inputs, options: ScoreOptions) -> dict[str, Any]:
    """Describe what decides the content of the predictions."""
    digest = hashlib.sha256()
    for tensor in detector.classifier.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    correction, promise = detector.correction, detector.promise
    return {
        "detector": digest.hexdigest(),
        "thresholds": detector.thresholds.tolist(),
        "correction": None if correction is None else correction.tolist(),
        "promise": None if promise is None else promise.to_dict(),
        "labels": list(detector.space.labels),
        "encoders": [encoder.cache_key for encoder in detector.loaded_encoders.values()],
        "products": inputs.fingerprint,
        **asdict(options),
    }


def score(
    detector: Detector, output: ShardedOutput, images: Path | None, options: ScoreOptions
) -> None:
    """Score the shards that are pending.

    Parameters
    ----------
    detector : Detector
    output : ShardedOutput
        Prepared.
    images : Path or None
        That of the inputs.
    options : ScoreOptions

    Raises
    ------
    LongtailorError
        As `score_shard`.
    """
    fill = output.products <= CACHED
    with (
        track("Scoring", output.products) as advance,
        EmbeddingCache(fill=fill) as cache,
    ):
        advance(min(SHARD * len(output.done()), output.products))
        for number in output.pending():
            products = output.shards.products(number)
            scored = score_shard(detector, products, images, options, cache, advance)
            output.shards.put(number, *scored)
            output.skips.add(number)


def score_shard(
    detector: Detector,
    listed: pl.DataFrame,
    images: Path | None,
    options: ScoreOptions,
    cache: EmbeddingCache | None = None,
    advance: Advance = lambda steps: None,
) -> tuple[pl.DataFrame, list[Skip]]:
    """Score some products.

    Parameters
    ----------
    detector : Detector
    listed : DataFrame
        A part of `Inputs.stream`.
    images : Path or None
        That of the inputs.
    options : ScoreOptions
    cache : EmbeddingCache, optional
    advance : callable
        Called with numbers that sum up to that of the products.

    Returns
    -------
    table : DataFrame
        One row a product and label, as `Detector.table` lays them out.
    skipped : list of Skip

    Raises
    ------
    LongtailorError
        If an image cannot be decoded, or a product has nothing that the detector reads, and
        `strict` is asked for.
    """
    products = find(listed, images)
    encoders = detector.loaded_encoders
    advance(len(listed) - len(products.ids))
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        before, done = done, done + steps
        advance(done // len(encoders) - before // len(encoders))

    embedded = embed_inputs(products.paths, products.texts, encoders, cache=cache, advance=count)
    failed = [Skip(products.rows[at], products.ids[at], why) for at, why in embedded.failures]
    if options.strict and failed:
        first = failed[0]
        raise LongtailorError(f"row {first.row}: {first.what}: {first.reason} (strict)")
    embeddings = embedded.values[embedded.usable]
    corrected = None
    with _one_thread():
        probabilities = detector.probabilities(embeddings)
        if options.corrected:
            corrected = detector.probabilities(embeddings, corrected=True)
    at = np.flatnonzero(embedded.usable)
    table = detector.table(
        [products.ids[i] for i in at],
        [products.names[i] for i in at],
        probabilities,
        detector.decide(probabilities, exclusive=options.exclusive),
        corrected,
    )
    return table, [*products.skipped, *failed]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute as on one core: threads that share a product of matrices add up in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
