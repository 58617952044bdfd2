"""What `compare` and `curve` share before and after their fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from longtailor.catalog import TEST, TRAIN, Catalog
from longtailor.encoders import DEFAULT_TEXT_ENCODER, Encoder
from longtailor.errors import CatalogError, UsageError
from longtailor.fitting import Embedded, FitOptions, Stopwatch, drop_rare, embed_products
from longtailor.labels import POSITIVE, Bands
from longtailor.studies.draws import Draw
from longtailor.studies.results import StudyFit
from longtailor.training.deep.options import FineTuning

SEEDS = 5
TUNED_OBJECTIVES = ("none", "inverse_frequency", "effective_number")
"""Studied where nothing is asked for and each fit trains a network."""


def embed_study(
    catalog: Catalog, options: FitOptions, stopwatch: Stopwatch | None = None
) -> Embedded:
    """Embed the products of a study, carve a test split if there is none, and drop rare labels.

    Raises
    ------
    CatalogError
        If no product has a usable image, there is nothing to test on or to learn from, or no label
        has enough positives among the annotated products.
    """
    data = embed_products(catalog, options, stopwatch)
    tests = data.catalog.in_split(TEST)
    for split, part in ((TEST, tests), (TRAIN, ~tests)):
        if not part.any():
            raise CatalogError(f"{catalog.source}: has no {split} product; a study needs some")
    positives = (data.catalog.matrix[~tests] == POSITIVE).sum(axis=0)
    return drop_rare(data, positives, options.min_positives)


def study_fit(
    encoder: str,
    min_positives: int,
    bands: str | Bands,
    seed: int,
    strict: bool,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
    finetune: FineTuning | None = None,
) -> FitOptions:
    """Give the options of the fits of a study.

    Raises
    ------
    UsageError
        If the bands cannot be read.
    """
    try:
        parsed = Bands.parse(bands) if isinstance(bands, str) else bands
    except ValueError as error:
        raise UsageError(str(error)) from error
    return FitOptions(
        encoder=encoder,
        min_positives=min_positives,
        bands=parsed,
        seed=seed,
        strict=strict,
        text_encoder=text_encoder,
        inputs=inputs,
        finetune=finetune,
    )


def check_tuning(finetune: FineTuning | None) -> None:
    """Refuse a fine-tuning that a study cannot have.

    Raises
    ------
    UsageError
    """
    if finetune is not None and finetune.nodes > 1:
        raise UsageError("a study trains its networks on one machine: leave out nodes")


def trained_sentence(data: Embedded, finetune: FineTuning | None, fits: Iterable[StudyFit]) -> str:
    """Say what networks were trained end to end, and how; nothing where none were."""
    trainings = [fit.training for fit in fits if fit.training]
    if finetune is None or not trainings:
        return ""
    names = " and ".join(
        f"{encoder.name} at {encoder.image_size} px"
        if isinstance(encoder, Encoder)
        else encoder.name
        for encoder in data.encoders.values()
    )
    epochs = sorted({len(training["epochs"]) for training in trainings})
    steps = sorted({training["steps"] for training in trainings})
    whole = f"{_span(epochs)} epoch{'' if epochs == [1] else 's'} ({_span(steps)} steps)"
    budget = "" if finetune.time_budget is None else f", as many as {finetune.time_budget:g} s hold"
    return (
        f"Networks were trained end to end, each from the frozen fit's solution: {names}, "
        f"{whole}{budget}."
    )


def joined(*sentences: str) -> str:
    """Put sentences one after another; empty ones are none."""
    return " ".join(filter(None, sentences))


def _span(numbers: Sequence[int]) -> str:
    first, last = numbers[0], numbers[-1]
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def check_seeds(seeds: int) -> None:
    """Refuse no draw at all."""
    if seeds < 1:
        raise UsageError(f"seeds {seeds}: give the number of draws, 1 or more")


def products_drawn(draws: Sequence[Draw]) -> int:
    """Give the annotated products, train and val, that a fit was given on average."""
    return round(float(np.mean([len(draw) for draw in draws])))


def mean_positives(catalog: Catalog, draws: Sequence[Draw]) -> npt.NDArray[np.int64]:
    """Give the training positives of each label that a fit has on average, rounded."""
    counts = [(catalog.matrix[draw.train] == POSITIVE).sum(axis=0) for draw in draws]
    mean: npt.NDArray[np.float64] = np.mean(counts, axis=0)
    return np.rint(mean).astype(np.int64)


def study_warnings(catalog: Catalog) -> list[str]:
    """Give what readers of the figures should know."""
    tested = (catalog.matrix[catalog.in_split(TEST)] == POSITIVE).any(axis=0)
    untested = [catalog.space.labels[label] for label in np.flatnonzero(~tested)]
    if not untested:
        return []
    return [f"no test positive, so in no figure: {', '.join(untested)}"]


def seeds_from(first: int, count: int) -> tuple[int, ...]:
    """Give the seed of each draw."""
    return tuple(range(first, first + count))
