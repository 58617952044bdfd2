"""From a catalogue to a detector and what it can do: the main job, without writing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from longtailor.catalog import IMAGE, MODALITIES, TEST, TEXT, TRAIN, VAL, Catalog, Skip
from longtailor.catalog.splits import with_splits
from longtailor.classifiers import Block
from longtailor.detector import Detector
from longtailor.encoders import (
    DEFAULT_ENCODER,
    DEFAULT_TEXT_ENCODER,
    AnyEncoder,
    EmbeddingCache,
    embed_inputs,
    load_encoder,
    load_text_encoder,
)
from longtailor.errors import CatalogError, UsageError
from longtailor.evaluation.metrics import Evaluation, evaluate
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.labels import Bands, LabelSpace
from longtailor.progress import Advance, track
from longtailor.training import Fit, fit_classifier
from longtailor.training.design import Design

Floats = npt.NDArray[np.float64]

MIN_POSITIVES = 2
BOTH = "both"
INPUTS = (*MODALITIES, BOTH)
_A = {IMAGE: "an image", TEXT: "a text"}


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes
    ----------
    objective : str
        A name of the family, with parameters.
    encoder : str
        Of images.
    min_positives : int
        Labels with fewer training positives are left out, and listed.
    bands : Bands
    seed : int
        Seed of the splits, of the choice of thresholds, and of the bootstrap.
    strict : bool
        Fail on an image that cannot be decoded, instead of listing it.
    text_encoder : str
    inputs : str, optional
        What to learn from: one of `INPUTS`. Default: what the catalogue has.
    """

    objective: str = "none"
    encoder: str = DEFAULT_ENCODER
    min_positives: int = MIN_POSITIVES
    bands: Bands = field(default_factory=Bands)
    seed: int = 0
    strict: bool = False
    text_encoder: str = DEFAULT_TEXT_ENCODER
    inputs: str | None = None


@dataclass(eq=False)
class Embedded:
    """A catalogue ready to be fitted.

    Attributes
    ----------
    catalog : Catalog
        Every product in a split, with an image that can be decoded or a text; labels too rare
        left out.
    embeddings : ndarray of float32, shape (products, dim)
        The encoders' embeddings side by side; NaN in a block that a product does not have.
    encoders : dict of str to (Encoder or TextEncoder)
        By modality, `"image"` before `"text"`.
    dropped : dict of str to int
        Labels left out for having too few training positives -> how many they have.
    """

    catalog: Catalog
    embeddings: npt.NDArray[np.float32]
    encoders: dict[str, AnyEncoder]
    dropped: dict[str, int]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What the embeddings consist of.

        The square root tames features that are nearly all positive, as those of networks of
        photos are. Those of texts are spread around 0, and the root costs precision (measured on
        tweet_emotions, see docs/text.md).
        """
        return tuple(
            Block(encoder.dim, root=modality == IMAGE)
            for modality, encoder in self.encoders.items()
        )

    def described_encoders(self) -> dict[str, dict[str, Any]]:
        """Describe the encoders as JSON values, by modality."""
        return {
            modality: {**encoder.to_dict(), "backend": encoder.backend.name}
            for modality, encoder in self.encoders.items()
        }

    def has(self, modality: str) -> npt.NDArray[np.bool_]:
        """Give the mask of the products that have an embedding of a modality."""
        return ~np.isnan(self.only(modality).embeddings[:, 0])

    def only(self, modality: str) -> Embedded:
        """Give the same products with the embeddings of one modality, NaN where there is none."""
        start = 0
        for name, encoder in self.encoders.items():
            if name == modality:
                embeddings = self.embeddings[:, start : start + encoder.dim]
                return replace(self, embeddings=embeddings, encoders={name: encoder})
            start += encoder.dim
        raise KeyError(modality)

    def of(self, split: str) -> npt.NDArray[np.float32]:
        """Give the embeddings of a split."""
        return self.embeddings[self.catalog.in_split(split)]


@dataclass(eq=False)
class Fitted:
    """A detector, what it was made from, and what it can do.

    Attributes
    ----------
    detector : Detector
    data : Embedded
    fit : Fit
    bands : ndarray of str, shape (labels,)
    evaluations : dict of str to Evaluation
        By split: val and test.
    probabilities : dict of str to ndarray
        By split: as the objective made them, shape (products of the split, labels).
    warnings : list of str
    """

    detector: Detector
    data: Embedded
    fit: Fit
    bands: npt.NDArray[np.str_]
    evaluations: dict[str, Evaluation]
    probabilities: dict[str, Floats]
    warnings: list[str] = field(default_factory=list)


class Stopwatch:
    """Seconds spent by stage, in order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


def fit(
    catalog: Catalog,
    *,
    objective: str = "none",
    encoder: str = DEFAULT_ENCODER,
    min_positives: int = MIN_POSITIVES,
    bands: str | Bands = "100,20",
    seed: int = 0,
    strict: bool = False,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
) -> Detector:
    """Fit a detector to a catalogue.

    Parameters
    ----------
    catalog : Catalog
        Splits that it does not give are carved.
    objective : str
        A name of the family with parameters, such as `effective_number:beta=0.999`.
    encoder : str
        See `longtailor.encoders.load_encoder`.
    min_positives : int
        Labels with fewer training positives are left out.
    bands : str or Bands
        `"100,20"`, `"thirds"`.
    seed : int
        Seed of all random choices.
    strict : bool
        Fail on an image that cannot be decoded, instead of leaving the product out.
    text_encoder : str
        See `longtailor.encoders.load_text_encoder`.
    inputs : {"image", "text", "both"}, optional
        What to learn from. Default: what the catalogue has.

    Raises
    ------
    LongtailorError
        If nothing can be learned from the catalogue.
    """
    options = FitOptions(
        objective,
        encoder,
        min_positives,
        Bands.parse(bands) if isinstance(bands, str) else bands,
        seed,
        strict,
        text_encoder,
        inputs,
    )
    return fit_embedded(embed_catalog(catalog, options), options).detector


def embed_catalog(
    catalog: Catalog, options: FitOptions, stopwatch: Stopwatch | None = None
) -> Embedded:
    """Embed the products, carve missing splits, and leave out labels too rare to learn.

    Raises
    ------
    CatalogError
        If no product has a usable image or text, or no label has enough training positives.
    """
    data = embed_products(catalog, options, stopwatch)
    return drop_rare(data, data.catalog.statistics(TRAIN).positive, options.min_positives)


def embed_products(
    catalog: Catalog, options: FitOptions, stopwatch: Stopwatch | None = None
) -> Embedded:
    """Embed the products and carve missing splits; no label is left out.

    Raises
    ------
    CatalogError
        If no product has a usable image or text.
    """
    watch = stopwatch or Stopwatch()
    modalities = _modalities(catalog, options.inputs)
    with watch.stage("load encoder"):
        encoders: dict[str, AnyEncoder] = {
            modality: load_encoder(options.encoder)
            if modality == IMAGE
            else load_text_encoder(options.text_encoder)
            for modality in modalities
        }
    steps = len(catalog) * len(encoders)
    with watch.stage("embed"), track("Embedding", steps) as advance, EmbeddingCache() as cache:
        embedded = embed_inputs(
            catalog.images, catalog.texts, encoders, cache=cache, advance=advance
        )
    skips = tuple(
        Skip(int(catalog.rows[at]), catalog.ids[at], reason) for at, reason in embedded.failures
    )
    if skips and options.strict:
        first = skips[0]
        raise CatalogError(
            f"{catalog.source}, row {first.row}: {first.what}: {first.reason} (strict)"
        )
    usable = embedded.usable
    if not usable.any():
        raise CatalogError(
            f"{catalog.source}: no {' and no '.join(modalities)} can be used; the first: "
            f"{skips[0].reason}"
        )
    with watch.stage("split"):
        split = with_splits(catalog.take(usable), options.seed)
    split = replace(split, skipped=(*catalog.skipped, *skips))
    return Embedded(split, embedded.values[usable], encoders, {})


def _modalities(catalog: Catalog, inputs: str | None) -> tuple[str, ...]:
    """Give what is to be learned from, in the order of `MODALITIES`."""
    if inputs is not None and inputs not in INPUTS:
        raise UsageError(f"--inputs {inputs}: use {', '.join(INPUTS)}")
    wanted = catalog.modalities if inputs is None else MODALITIES if inputs == BOTH else (inputs,)
    lacking = [modality for modality in wanted if modality not in catalog.modalities]
    if lacking:
        raise CatalogError(f"{catalog.source}: no product has {_A[lacking[0]]} (--inputs {inputs})")
    return wanted


def drop_rare(data: Embedded, positives: npt.NDArray[np.int64], min_positives: int) -> Embedded:
    """Leave out the labels with fewer than `min_positives` of the positives given, or none.

    Raises
    ------
    CatalogError
        If that is all labels.
    """
    least = max(min_positives, 1)
    learned = positives >= least
    if not learned.any():
        raise CatalogError(
            f"{data.catalog.source}: no label has {least} training positives or more; the most "
            f"frequent has {positives.max(initial=0)} (--min-positives)"
        )
    dropped = {
        label: int(count)
        for label, count, enough in zip(data.catalog.space.labels, positives, learned, strict=True)
        if not enough
    }
    return replace(data, catalog=data.catalog.take_labels(learned), dropped=dropped)


def fit_embedded(data: Embedded, options: FitOptions, stopwatch: Stopwatch | None = None) -> Fitted:
    """Fit the classifier, choose thresholds on val, and evaluate on val and test."""
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    with track("Fitting", None) as advance:
        detector, fitted = fit_detector(data, options, watch, advance)
    bands = options.bands.assign(catalog.statistics(TRAIN).positive)
    evaluations, probabilities = {}, {}
    with watch.stage("evaluate"):
        for split in (VAL, TEST):
            probabilities[split] = detector.probabilities(data.of(split))
            evaluations[split] = evaluate(
                probabilities[split],
                catalog.matrix[catalog.in_split(split)],
                detector.thresholds,
                bands,
                corrected=detector.probabilities(data.of(split), corrected=True),
                exclusive=detector.exclusive_columns,
                groups=catalog.group[catalog.in_split(split)],
                seed=options.seed,
            )
    warnings = _warnings(fitted, catalog.space, evaluations)
    return Fitted(detector, data, fitted, bands, evaluations, probabilities, warnings)


def fit_detector(
    data: Embedded,
    options: FitOptions,
    stopwatch: Stopwatch | None = None,
    advance: Advance = lambda steps: None,
    design: Design | None = None,
) -> tuple[Detector, Fit]:
    """Fit the classifier on train and choose thresholds on val.

    Parameters
    ----------
    data : Embedded
    options : FitOptions
        Of which the objective and the seed say something here.
    stopwatch : Stopwatch, optional
        Given the stages "fit" and "thresholds".
    advance : callable
        Called with 1 after each penalty that was tried.
    design : Design, optional
        Of the embeddings of train, where it has been made already.
    """
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    train, val = (catalog.matrix[catalog.in_split(split)] for split in (TRAIN, VAL))
    with watch.stage("fit"):
        fitted = fit_classifier(
            data.of(TRAIN),
            train,
            data.of(VAL),
            val,
            catalog.space,
            options.objective,
            advance=advance,
            blocks=data.blocks,
            design=design,
        )
    statistics = catalog.statistics(TRAIN)
    shift = fitted.objective.correction()
    detector = Detector(
        catalog.space,
        fitted.classifier,
        np.full(len(catalog.space), 0.5),
        data.encoders,
        {
            "name": fitted.objective.name,
            "settings": fitted.objective.settings,
            "specification": fitted.specification,
            "positives": statistics.positive.tolist(),
            "known": statistics.known.tolist(),
        },
        None if shift is None else _numpy(shift.expand(len(catalog.space))),
        fitted.competing,
    )
    with watch.stage("thresholds"):
        if len(val):
            logits = detector.logits(data.of(VAL))
            detector.thresholds = choose_thresholds(
                logits,
                val,
                list(catalog.space.groups.values()),
                logits - detector.logits(data.of(VAL), corrected=True),
                options.seed,
            )
    return detector, fitted


def _warnings(fitted: Fit, space: LabelSpace, evaluations: dict[str, Evaluation]) -> list[str]:
    warnings = []
    for split, evaluation in evaluations.items():
        figures = evaluation.summary
        if not figures["products"]:
            warnings.append(f"there is no {split} split: its figures are null")
        elif not figures["labels_scored"]:
            warnings.append(f"the {split} split has no positive: its figures are null")
        elif figures["labels_skipped"]:
            skipped = np.flatnonzero(evaluation.statistics.positive == 0)
            names = ", ".join(space.labels[label] for label in skipped)
            warnings.append(f"no {split} positive, so in no {split} figure: {names}")
    if not fitted.chosen.converged:
        warnings.append(
            f"the fit stopped after {fitted.chosen.iterations} iterations before it converged"
        )
    return warnings


def _numpy(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.detach().double().cpu().numpy())


def configuration(options: FitOptions) -> dict[str, Any]:
    """Give the options as JSON can hold them."""
    return {
        "objective": options.objective,
        "encoder": options.encoder,
        "min_positives": options.min_positives,
        "bands": str(options.bands),
        "seed": options.seed,
        "strict": options.strict,
        "text_encoder": options.text_encoder,
        "inputs": options.inputs,
    }
