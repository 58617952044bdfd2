"""Compare objectives: many fits on the same draws, measured on the same test products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from longtailor.catalog import TEST, Catalog
from longtailor.encoders import DEFAULT_ENCODER, DEFAULT_TEXT_ENCODER
from longtailor.errors import UsageError
from longtailor.fitting import MIN_POSITIVES, Embedded, FitOptions, Stopwatch
from longtailor.labels import POSITIVE, TAIL, Bands
from longtailor.progress import track
from longtailor.studies.draws import Draw, annotate, trained_share
from longtailor.studies.fits import DrawnData, FitTask, check_objectives, check_parts, run_fits
from longtailor.studies.headline import headline
from longtailor.studies.measure import measure
from longtailor.studies.results import Comparison, Failure, Scope, StudyFit
from longtailor.studies.setup import (
    SEEDS,
    TUNED_OBJECTIVES,
    check_seeds,
    check_tuning,
    embed_study,
    joined,
    mean_positives,
    products_drawn,
    seeds_from,
    study_fit,
    study_warnings,
    trained_sentence,
)
from longtailor.training.deep.options import FineTuning

OBJECTIVES = ("none", "inverse_frequency", "effective_number", "asl", "db", "auto")
"""What is compared where the encoder is trained too, in minutes each."""
TOGETHER = None
"""The scope of all attributes in one fit."""


@dataclass(frozen=True)
class CompareOptions:
    """What to compare.

    Attributes
    ----------
    objectives : tuple of str
        Two or more; differences are told against the first.
    seeds : int
        How many draws.
    share : float
        Share of the annotated products that each fit is given, in (0, 1].
    separately : bool
        Fit each attribute alone, too.
    fit : FitOptions
        Its objective says nothing here; its seed is the first of the draws.
    """

    objectives: tuple[str, ...] = OBJECTIVES
    seeds: int = SEEDS
    share: float = 1.0
    separately: bool = False
    fit: FitOptions = field(default_factory=FitOptions)

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        UsageError
        """
        check_objectives(self.objectives)
        if len(self.objectives) < 2:
            raise UsageError("compare needs two objectives or more")
        check_seeds(self.seeds)
        check_tuning(self.fit.finetune)
        if not 0 < self.share <= 1:
            raise UsageError(f"share {self.share:g}: give a share above 0 and at most 1")


def default_objectives(finetune: FineTuning | None = None) -> tuple[str, ...]:
    """Give what is compared where nothing is asked for."""
    return OBJECTIVES if finetune is None else TUNED_OBJECTIVES


def compare(
    catalog: Catalog,
    objectives: Sequence[str] | None = None,
    *,
    seeds: int = SEEDS,
    share: float = 1.0,
    separately: bool = False,
    encoder: str = DEFAULT_ENCODER,
    min_positives: int = MIN_POSITIVES,
    bands: str | Bands = "100,20",
    seed: int = 0,
    strict: bool = False,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
    finetune: FineTuning | None = None,
    folder: Path | None = None,
) -> Comparison:
    """Compare objectives on a catalogue.

    Every objective gets the same draws of labelled products, the same penalties to choose from, and
    the same validation to choose by (the recipe `auto` chooses by cross-validation on the same
    products); all are measured on the same test products.

    Parameters
    ----------
    catalog : Catalog
        Its test split stays as it is; if it gives none, it is carved with `seed`. All other
        products are drawn from.
    objectives : sequence of str, optional
        Names of the family with parameters. Differences are told against the first. Default:
        `OBJECTIVES`; where the encoder is trained too, `TUNED_OBJECTIVES`.
    seeds : int
        How many draws.
    share : float
        Share of the annotated products that each fit is given, in (0, 1].
    separately : bool
        Fit each attribute alone, too.
    encoder : str
        See `longtailor.encoders.load_encoder`.
    min_positives : int
        Labels with fewer positives among the annotated products are left out.
    bands : str or Bands
        `"100,20"`, `"thirds"`; by the training positives that a fit has on average.
    seed : int
        Seed of the first draw, and of all other random choices.
    strict : bool
        Fail on an image that cannot be decoded, instead of leaving the product out.
    text_encoder : str
        See `longtailor.encoders.load_text_encoder`.
    inputs : {"image", "text", "both"}, optional
        What to learn from. Default: what the catalogue has.
    finetune : FineTuning, optional
        How to train the encoder of each fit end to end with its objective; the seed is the
        draw's. A time budget is for all fits together. Default: the encoder stays frozen.
    folder : Path, optional
        Where finished fits are kept, so that the same call goes on after it was interrupted, in
        the middle of a training if need be.

    Raises
    ------
    UsageError
        If an objective is unknown or an option makes no sense.
    LongtailorError
        If nothing can be learned from the catalogue, or all fits fail.
    """
    options = CompareOptions(
        default_objectives(finetune) if objectives is None else tuple(objectives),
        seeds,
        share,
        separately,
        study_fit(encoder, min_positives, bands, seed, strict, text_encoder, inputs, finetune),
    )
    options.check()
    watch = Stopwatch()
    return compare_embedded(embed_study(catalog, options.fit, watch), options, folder, watch)


def compare_embedded(
    data: Embedded,
    options: CompareOptions,
    folder: Path | None = None,
    stopwatch: Stopwatch | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compare objectives on a catalogue that is embedded already: see `compare`.

    `begin` is called when all that can be refused was not, before the first fit.
    """
    watch = stopwatch or Stopwatch()
    catalog = data.catalog
    seeds = seeds_from(options.fit.seed, options.seeds)
    with watch.stage("draw"):
        draws = [annotate(catalog, seed).draw(options.share) for seed in seeds]
        check_parts(options.objectives, catalog.matrix[draws[0].train], catalog.space)
    attributes = catalog.space.attributes if options.separately else ()
    separately = attributes if len(attributes) > 1 else ()
    tasks = []
    for seed, draw in zip(seeds, draws, strict=True):
        drawn = DrawnData(data, draw)
        tasks += [
            (FitTask(objective, seed, options.share, attribute), drawn)
            for attribute in (TOGETHER, *separately)
            for objective in options.objectives
        ]
    begin()
    with watch.stage("fit"):
        fits, failures = run_fits(
            data, tasks, folder, finetune=options.fit.finetune, began=watch.began
        )
    trained = trained_sentence(data, options.fit.finetune, fits.values())
    scopes: dict[str | None, Scope] = {}
    with watch.stage("measure"), track("Measuring", 1 + len(separately)) as advance:
        for attribute in (TOGETHER, *separately):
            scopes[attribute] = _scope(
                catalog if attribute is TOGETHER else _alone(catalog, attribute),
                [fit for task, fit in fits.items() if task.attribute == attribute],
                [failure for task, failure in failures if task.attribute == attribute],
                draws,
                options,
            )
            advance(1)
    together = scopes.pop(TOGETHER)
    tested = (catalog.matrix[catalog.in_split(TEST)] == POSITIVE).any(axis=0)
    return Comparison(
        options.objectives,
        seeds,
        options.share,
        together,
        {str(attribute): scope for attribute, scope in scopes.items()},
        joined(
            trained,
            headline(
                together.figures,
                tail_labels=int((tested & (together.bands == TAIL)).sum()),
                drawn=trained_share(catalog, draws),
            ),
        ),
        data.dropped,
        study_warnings(catalog),
        products_drawn(draws),
        trained,
    )


def _scope(
    catalog: Catalog,
    fits: list[StudyFit],
    failures: list[Failure],
    draws: list[Draw],
    options: CompareOptions,
) -> Scope:
    tests = catalog.in_split(TEST)
    positives = mean_positives(catalog, draws)
    bands = options.fit.bands.assign(positives)
    measured = measure(
        fits,
        catalog.matrix[tests],
        bands,
        options.objectives,
        seeds_from(options.fit.seed, options.seeds),
        groups=catalog.group[tests],
        drawn=trained_share(catalog, draws),
        attributes=catalog.space.groups,
        seed=options.fit.seed,
    )
    return Scope(
        catalog.space.attributes,
        catalog,
        bands,
        positives,
        fits,
        measured.figures,
        measured.by_attribute,
        measured.labels,
        measured.ap,
        failures,
    )


def _alone(catalog: Catalog, attribute: str) -> Catalog:
    return catalog.take_labels(catalog.space.groups[attribute])
