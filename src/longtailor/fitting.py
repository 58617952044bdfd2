"""From a catalogue to a detector and what it can do: the main job, without writing anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from longtailor.catalog import IMAGE, MODALITIES, TEST, TEXT, TRAIN, VAL, Catalog, Skip
from longtailor.catalog.splits import with_splits
from longtailor.classifiers import Block
from longtailor.detector import Detector
from longtailor.encoders import (
    DEFAULT_ENCODER,
    DEFAULT_TEXT_ENCODER,
    AnyEncoder,
    EmbeddingCache,
    Encoder,
    embed_inputs,
    load_encoder,
    load_text_encoder,
)
from longtailor.errors import CatalogError, LongtailorError, UsageError
from longtailor.evaluation.metrics import Evaluation, evaluate
from longtailor.evaluation.promises import promise_precision
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.labels import Bands, LabelSpace
from longtailor.objectives import AnyObjective
from longtailor.progress import Advance, track
from longtailor.training import Fit, fit_classifier
from longtailor.training.auto import RECIPE
from longtailor.training.deep.options import FineTuning
from longtailor.training.design import Design
from longtailor.training.search import parse_objective

if TYPE_CHECKING:
    from longtailor.training.deep.pixels import SharedPhotos
    from longtailor.training.deep.tune import Tuned

Floats = npt.NDArray[np.float64]

MIN_POSITIVES = 2
BOTH = "both"
INPUTS = (*MODALITIES, BOTH)
_A = {IMAGE: "an image", TEXT: "a text"}
TUNED_FOR_RECIPE = "none"
"""What the encoder is fine-tuned with where the recipe `auto` is fitted to its embeddings."""


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
    finetune : FineTuning, optional
        How to train the encoder and the classifier end to end. Default: the encoder stays frozen.
    precision : float, optional
        Thresholds promise this precision (`longtailor.evaluation.promises`) instead of aiming at
        F1, and labels that cannot promise it are never predicted.

    Raises
    ------
    UsageError
        If `precision` is not between 0 and 1.
    """

    objective: str = "none"
    encoder: str = DEFAULT_ENCODER
    min_positives: int = MIN_POSITIVES
    bands: Bands = field(default_factory=Bands)
    seed: int = 0
    strict: bool = False
    text_encoder: str = DEFAULT_TEXT_ENCODER
    inputs: str | None = None
    finetune: FineTuning | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        if self.precision is not None and not 0 < self.precision < 1:
            raise UsageError(
                f"--precision {self.precision:g}: give a share between 0 and 1, such as 0.9"
            )


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
    tuned : Tuned, optional
        What a fine-tuning came to. The embeddings of `data` are then the tuned encoder's, of val
        and test alone or, where the recipe `auto` was fitted to them, of all products.
    start : Fit, optional
        What the fine-tuning started from. It is `fit` too, but for the recipe `auto`.
    frozen : dict of str to Evaluation
        By split: what `start` could do.
    """

    detector: Detector
    data: Embedded
    fit: Fit
    bands: npt.NDArray[np.str_]
    evaluations: dict[str, Evaluation]
    probabilities: dict[str, Floats]
    warnings: list[str] = field(default_factory=list)
    tuned: Tuned | None = None
    start: Fit | None = None
    frozen: dict[str, Evaluation] = field(default_factory=dict)


class Stopwatch:
    """Seconds spent by stage, in order."""

    def __init__(self) -> None:
        self.began = time.monotonic()
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
    objective: str | None = None,
    encoder: str = DEFAULT_ENCODER,
    min_positives: int = MIN_POSITIVES,
    bands: str | Bands = "100,20",
    seed: int = 0,
    strict: bool = False,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
    finetune: FineTuning | None = None,
    folder: Path | None = None,
    precision: float | None = None,
) -> Detector:
    """Fit a detector to a catalogue.

    Parameters
    ----------
    catalog : Catalog
        Splits that it does not give are carved.
    objective : str, optional
        A name of the family with parameters, such as `effective_number:beta=0.999`, or the recipe
        `auto` (`longtailor.training.auto`). Default: `auto`; where the encoder is fine-tuned, which
        needs a loss, `none`.
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
    finetune : FineTuning, optional
        How to train encoder and classifier end to end. Default: the encoder stays frozen.
    folder : Path, optional
        Where a fine-tuning keeps weights, checkpoints and logs; the detector needs the weights
        until it is saved.
    precision : float, optional
        Choose thresholds that promise this precision; labels that cannot are never predicted.

    Raises
    ------
    LongtailorError
        If nothing can be learned from the catalogue.
    """
    options = FitOptions(
        default_objective(finetune) if objective is None else objective,
        encoder,
        min_positives,
        Bands.parse(bands) if isinstance(bands, str) else bands,
        seed,
        strict,
        text_encoder,
        inputs,
        finetune,
        precision,
    )
    return fit_embedded(embed_catalog(catalog, options), options, folder=folder).detector


def default_objective(finetune: FineTuning | None = None) -> str:
    """Give what is fitted where nothing is asked for."""
    return RECIPE if finetune is None else "none"


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
    if options.finetune is not None and len(modalities) > 1:
        raise UsageError(
            "fine-tuning learns from images or from texts: add --inputs image or --inputs text"
        )
    image_size = None if options.finetune is None else options.finetune.image_size
    with watch.stage("load encoder"):
        encoders: dict[str, AnyEncoder] = {
            modality: load_encoder(options.encoder, image_size=image_size)
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


def fit_embedded(
    data: Embedded,
    options: FitOptions,
    stopwatch: Stopwatch | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
) -> Fitted:
    """Fit the classifier, fine-tune if asked to, choose thresholds, evaluate on val and test.

    Parameters
    ----------
    data : Embedded
    options : FitOptions
    stopwatch : Stopwatch, optional
        Its stages are timed, and its begin is that of a fine-tuning's time budget.
    folder : Path, optional
        Where a fine-tuning keeps weights, checkpoints and logs.
    resume : bool
        Go on from the checkpoint that is there.
    """
    watch = stopwatch or Stopwatch()
    bands = options.bands.assign(data.catalog.statistics(TRAIN).positive)
    tuned: Tuned | None = None
    start: Fit | None = None
    frozen: dict[str, Evaluation] = {}
    with track("Fitting", None) as advance:
        detector, fit = fit_detector(data, before_tuning(options), watch, advance)
    if options.finetune is not None:
        start = fit
        frozen, _ = _evaluate(detector, data, bands, options.seed)
        detector, fit, data, tuned = tune_detector(
            detector, fit, data, options, folder, watch, resume=resume
        )
    with watch.stage("evaluate"):
        evaluations, probabilities = _evaluate(detector, data, bands, options.seed, fit)
    warnings = _warnings(fit, data.catalog.space, evaluations)
    return Fitted(
        detector, data, fit, bands, evaluations, probabilities, warnings, tuned, start, frozen
    )


def before_tuning(options: FitOptions) -> FitOptions:
    """Give the options of the fit that a fine-tuning starts from; without one, the options.

    Raises
    ------
    UsageError
        If fine-tuning makes no sense with them.
    """
    if options.finetune is None or parse_objective(options.objective)[0] != RECIPE:
        return options
    if options.precision is not None:
        raise UsageError(
            "--precision needs val for its promise, and auto needs it to choose by after a "
            "fine-tuning: give another --objective, such as none"
        )
    return replace(options, objective=TUNED_FOR_RECIPE)


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
            **_trained_with(tuned.objective, fit),
        )
        _set_thresholds(detector, data, options)
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


def _evaluate(
    detector: Detector,
    data: Embedded,
    bands: npt.NDArray[np.str_],
    seed: int,
    fit: Fit | None = None,
) -> tuple[dict[str, Evaluation], dict[str, Floats]]:
    """Give figures and probabilities of val and test.

    Where the fit learned from val, those of val are by classifiers that did not see it.
    """
    catalog = data.catalog
    evaluations, probabilities = {}, {}
    for split in (VAL, TEST):
        probabilities[split] = detector.probabilities(data.of(split))
        corrected = detector.probabilities(data.of(split), corrected=True)
        if split == VAL and fit is not None and fit.held_out is not None:
            left_out = fit.held_out[int(catalog.in_split(TRAIN).sum()) :]
            # For a promise, val was not learned from.
            if len(left_out):
                probabilities[split] = corrected = expit(left_out)
        evaluations[split] = evaluate(
            probabilities[split],
            catalog.matrix[catalog.in_split(split)],
            detector.thresholds,
            bands,
            corrected=corrected,
            exclusive=detector.exclusive_columns,
            groups=catalog.group[catalog.in_split(split)],
            seed=seed,
        )
    return evaluations, probabilities


def fit_detector(
    data: Embedded,
    options: FitOptions,
    stopwatch: Stopwatch | None = None,
    advance: Advance = lambda steps: None,
    design: Design | None = None,
    *,
    train_was_seen: bool = False,
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
    train_was_seen : bool
        The encoder learned from the labels of train: the recipe `auto` chooses by val alone.
    """
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    train, val = (np.flatnonzero(catalog.in_split(split)) for split in (TRAIN, VAL))
    if options.precision is not None and parse_objective(options.objective)[0] == RECIPE:
        # The recipe would learn from val, and a promise is for products that it did not see.
        val = val[:0]
    with watch.stage("fit"):
        fitted = fit_classifier(
            data.embeddings[train],
            catalog.matrix[train],
            data.embeddings[val],
            catalog.matrix[val],
            catalog.space,
            options.objective,
            advance=advance,
            blocks=data.blocks,
            design=design,
            group=catalog.group[np.concatenate([train, val])],
            choose_by_val=train_was_seen,
        )
    detector = Detector(
        catalog.space,
        fitted.classifier,
        np.full(len(catalog.space), 0.5),
        data.encoders,
        competing=fitted.competing,
        **_trained_with(fitted.objective, fitted),
    )
    with watch.stage("thresholds"):
        _set_thresholds(detector, data, options, fitted)
    return detector, fitted


def _trained_with(objective: AnyObjective, fit: Fit) -> dict[str, Any]:
    """Give what a detector knows of the objective it was trained with."""
    shift = objective.correction()
    assert objective.positives is not None
    assert objective.known is not None
    return {
        "objective": {
            "name": objective.name,
            "settings": objective.settings,
            "specification": fit.specification,
            "positives": objective.positives.tolist(),
            "known": objective.known.tolist(),
            "epoch": int(objective.epoch),
        },
        "correction": None if shift is None else _numpy(shift.expand(len(objective.positives))),
    }


def _set_thresholds(
    detector: Detector, data: Embedded, options: FitOptions, fit: Fit | None = None
) -> None:
    if options.precision is None:
        detector.thresholds = _thresholds(detector, data, options.seed, fit)
        return
    val = data.catalog.matrix[data.catalog.in_split(VAL)]
    probabilities = detector.probabilities(data.of(VAL))
    detector.promise = promise_precision(probabilities, val, options.precision)
    detector.thresholds = detector.promise.thresholds


def _thresholds(detector: Detector, data: Embedded, seed: int, fit: Fit | None = None) -> Floats:
    """Choose thresholds on products that the fit did not see; 0.5 where there are none."""
    catalog = data.catalog
    groups = list(catalog.space.groups.values())
    train, val = (catalog.matrix[catalog.in_split(split)] for split in (TRAIN, VAL))
    if fit is not None and fit.held_out is not None:
        held_out = ~np.isnan(fit.held_out).any(axis=1)
        matrix = np.concatenate([train, val])[held_out]
        return choose_thresholds(fit.held_out[held_out], matrix, groups, seed=seed)
    if not len(val):
        return np.full(len(catalog.space), 0.5)
    logits = detector.logits(data.of(VAL))
    return choose_thresholds(
        logits,
        val,
        groups,
        logits - detector.logits(data.of(VAL), corrected=True),
        seed,
    )


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
        "finetune": None if options.finetune is None else asdict(options.finetune),
        "precision": options.precision,
    }
