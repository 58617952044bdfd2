"""A fine-tuned encoder and the classifier on top of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from longtailor.catalog import TEST, TRAIN, VAL
from longtailor.detector import Detector
from longtailor.encoders import (
    EmbeddingCache,
    Encoder,
    embed_inputs,
)
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting.classifier import fit_detector, set_thresholds, trained_with
from longtailor.fitting.embedded import Embedded
from longtailor.fitting.options import FitOptions
from longtailor.fitting.stopwatch import Stopwatch
from longtailor.progress import track
from longtailor.training import Fit
from longtailor.training.auto import RECIPE
from longtailor.training.search import parse_objective

if TYPE_CHECKING:
    from longtailor.training.deep.options import FineTuning
    from longtailor.training.deep.pixels import SharedPhotos
    from longtailor.training.deep.tune import Tuned


def tune_detector(
    detector: Detector,
    fit: Fit,
    data: Embedded,
    options: FitOptions,
    folder: Path | None,
    stopwatch: Stopwatch | None = None,
    *,
    resume: bool = False,
    shared: SharedPhotos | None = None,
) -> tuple[Detector, Fit, Embedded, Tuned]:
    """Fine-tune encoder and classifier, and choose thresholds on val.

    The recipe `auto` is fitted to the embeddings of the tuned encoder, chosen by products of val
    that were left out: the encoder has learned the labels of those of train by heart.

    Parameters
    ----------
    detector, fit
        From `fit_detector` with the options that `before_tuning` gives.
    data : Embedded
    options : FitOptions
    folder : Path or None
        Where weights, checkpoints and logs are kept.
    stopwatch : Stopwatch, optional
        Its begin is that of the time budget.
    resume : bool
        Go on from the checkpoint that is there.
    shared : SharedPhotos, optional
        Where other trainings use the same photos. What is embedded is not kept in the cache then.

    Returns
    -------
    detector : Detector
    fit : Fit
        That of `auto` on the new embeddings, otherwise the one that was given.
    data : Embedded
        With the new embeddings, of the products that they are needed of.
    tuned : Tuned
    """
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    recipe = parse_objective(options.objective)[0] == RECIPE
    with watch.stage("fine-tune"):
        tuned = _fine_tune(data, fit, options, folder, resume, watch.began, shared)
    own_weights = dict.fromkeys(data.encoders, tuned.weights)
    needed = catalog.in_split(VAL) | catalog.in_split(TEST)
    if recipe:
        needed |= catalog.in_split(TRAIN)
    with watch.stage("embed again"):
        data = _embed_again(data, tuned, np.flatnonzero(needed), shared)
    if recipe:
        with watch.stage("fit again"), track("Fitting again", None) as advance:
            detector, fit = fit_detector(data, options, Stopwatch(), advance, train_was_seen=True)
        return replace(detector, tuned=own_weights), fit, data, tuned
    with watch.stage("thresholds again"):
        detector = replace(
            detector,
            classifier=tuned.classifier,
            encoders=data.encoders,
            tuned=own_weights,
            **trained_with(tuned.objective, fit),
        )
        set_thresholds(detector, data, options)
    return detector, fit, data, tuned


def _fine_tune(
    data: Embedded,
    fit: Fit,
    options: FitOptions,
    folder: Path | None,
    resume: bool,
    began: float,
    shared: SharedPhotos | None,
) -> Tuned:
    assert options.finetune is not None
    if folder is None:
        raise UsageError("fine-tuning needs a folder for its weights and checkpoints")
    try:
        from longtailor.training.deep.images import tune_images
        from longtailor.training.deep.texts import tune_texts
        from longtailor.training.deep.tune import Setting
    except ImportError as error:
        raise LongtailorError(
            f"fine-tuning needs {error.name}: pip install 'longtailor[finetune]'"
        ) from error
    setting = Setting(
        data.catalog,
        fit,
        options.bands.assign(data.catalog.statistics(TRAIN).positive),
        options.finetune,
        folder,
        seed=options.seed,
        resume=resume,
        begun=began,
    )
    (encoder,) = data.encoders.values()
    if isinstance(encoder, Encoder):
        return tune_images(setting, encoder, shared)
    return tune_texts(setting, encoder)


def _embed_again(
    data: Embedded, tuned: Tuned, needed: npt.NDArray[np.intp], shared: SharedPhotos | None
) -> Embedded:
    """Embed products with the encoder that was trained; the others have NaN."""
    catalog = data.catalog
    embeddings = np.full((len(catalog), tuned.encoder.dim), np.nan, np.float32)
    encoders = dict.fromkeys(data.encoders, tuned.encoder)
    images = [catalog.images[at] for at in needed]
    with track("Embedding again", len(needed)) as advance:
        if shared is not None and isinstance(tuned.encoder, Encoder):
            paths = [path for path in images if path is not None]
            embeddings[needed] = shared.embed(paths, tuned.encoder, advance)
        else:
            texts = [catalog.texts[at] for at in needed]
            with nullcontext() if shared is not None else EmbeddingCache() as cache:
                embeddings[needed] = embed_inputs(
                    images, texts, encoders, cache=cache, advance=advance
                ).values
    return replace(data, embeddings=embeddings, encoders=encoders)


def over_budget(tuning: FineTuning | None, took: float) -> list[str]:
    """Give the warning that everything took longer, in seconds, than the time budget, if it did."""
    if tuning is None or tuning.time_budget is None or took <= tuning.time_budget:
        return []
    return [
        f"the time budget of {tuning.time_budget:,.0f} s was exceeded: {took:,.0f} s. Embedding, "
        "the steps that the plan is made by, and evaluation take their time in any case"
    ]
