"""Quality against the number of annotated products, and of positives of one label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from longtailor.catalog import TEST, Catalog
from longtailor.encoders import DEFAULT_ENCODER, DEFAULT_TEXT_ENCODER
from longtailor.errors import UsageError
from longtailor.fitting import MIN_POSITIVES, Embedded, FitOptions, Stopwatch
from longtailor.labels import POSITIVE, Bands
from longtailor.progress import track
from longtailor.studies.draws import Annotation, annotate, trained_share
from longtailor.studies.fits import DrawnData, FitTask, check_objectives, check_parts, run_fits
from longtailor.studies.measure import Measured, measure, measure_label
from longtailor.studies.resampled import METRICS
from longtailor.studies.results import Curve, Estimate, LabelCurve, Saving, StudyFit
from longtailor.studies.savings import curve_headline, savings
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

OBJECTIVES = ("none", "inverse_frequency", "effective_number", "auto")
BUDGETS = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
POSITIVES = (3, 6, 12, 24, 48, 96)


@dataclass(frozen=True)
class CurveOptions:
    """Which curves.

    Attributes
    ----------
    objectives : tuple of str
        Savings are told against the first.
    budgets : tuple of float
        Shares of the annotated products, in (0, 1], rising.
    seeds : int
        How many nested sequences of draws.
    metric : str
        What savings are told by.
    labels : tuple of str
        Labels that get a curve against their own positives.
    positives : tuple of int, optional
        Their training positives, rising. Default: those of `POSITIVES` that there are.
    fit : FitOptions
        Its objective says nothing here; its seed is the first of the draws.
    """

    objectives: tuple[str, ...] = OBJECTIVES
    budgets: tuple[float, ...] = BUDGETS
    seeds: int = SEEDS
    metric: str = "map"
    labels: tuple[str, ...] = ()
    positives: tuple[int, ...] | None = None
    fit: FitOptions = field(default_factory=FitOptions)

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        UsageError
        """
        check_objectives(self.objectives)
        if not self.objectives:
            raise UsageError("curve needs an objective")
        check_seeds(self.seeds)
        check_tuning(self.fit.finetune)
        if not self.budgets or not all(0 < budget <= 1 for budget in self.budgets):
            raise UsageError("budgets: give shares above 0 and at most 1, such as 0.1,0.5,1")
        if any(a >= b for a, b in zip(self.budgets, self.budgets[1:], strict=False)):
            raise UsageError("budgets: give them rising, each once")
        if self.metric not in METRICS:
            raise UsageError(f"metric {self.metric!r}: use one of {', '.join(METRICS)}")
        if self.positives is not None:
            if not self.labels:
                raise UsageError("positives: say of which labels")
            rising = all(a < b for a, b in zip(self.positives, self.positives[1:], strict=False))
            if not self.positives or self.positives[0] < 1 or not rising:
                raise UsageError("positives: give counts from 1 up, rising, each once")
        if len(set(self.labels)) < len(self.labels):
            raise UsageError("labels: give each once")


def default_objectives(finetune: FineTuning | None = None) -> tuple[str, ...]:
    """Give what is measured where nothing is asked for."""
    return OBJECTIVES if finetune is None else TUNED_OBJECTIVES


def curve(
    catalog: Catalog,
    objectives: Sequence[str] | None = None,
    *,
    budgets: Sequence[float] = BUDGETS,
    seeds: int = SEEDS,
    metric: str = "map",
    labels: Sequence[str] = (),
    positives: Sequence[int] | None = None,
    encoder: str = DEFAULT_ENCODER,
    min_positives: int = MIN_POSITIVES,
    bands: str | Bands = "100,20",
    seed: int = 0,
    strict: bool = False,
    text_encoder: str = DEFAULT_TEXT_ENCODER,
    inputs: str | None = None,
    finetune: FineTuning | None = None,
    folder: Path | None = None,
) -> Curve:
    """Measure objectives against the number of annotated products.

    The products of a smaller budget are among those of a larger one, for each seed; all objectives
    get the same ones. All are measured on the same test products.

    Parameters
    ----------
    catalog : Catalog
        Its test split stays as it is; if it gives none, it is carved with `seed`.
    objectives : sequence of str
        Names of the family with parameters, or the recipe `"auto"`. Savings are told against the
        first. Default: `OBJECTIVES`; where the encoder is trained too, `TUNED_OBJECTIVES`.
    budgets : sequence of float
        Shares of the annotated products, in (0, 1], rising.
    seeds : int
        How many nested sequences of draws.
    metric : str
        What savings are told by, such as `"map"` or `"f1_macro_at_half"`.
    labels : sequence of str
        Labels, as `"sleeve:puff"`, that get a curve against their own training positives: all other
        products that have the label leave training, the rest stays as it is.
    positives : sequence of int, optional
        Their training positives, rising. Default: those of 3, 6, 12, 24, 48 and 96 that there are.
    encoder, min_positives, bands, seed, strict, text_encoder, inputs, finetune, folder
        As in `compare`; bands go by the training positives at the largest budget.

    Raises
    ------
    UsageError
        If an objective or label is unknown or an option makes no sense.
    LongtailorError
        If nothing can be learned from the catalogue, or all fits fail.
    """
    options = CurveOptions(
        default_objectives(finetune) if objectives is None else tuple(objectives),
        tuple(budgets),
        seeds,
        metric,
        tuple(labels),
        None if positives is None else tuple(positives),
        study_fit(encoder, min_positives, bands, seed, strict, text_encoder, inputs, finetune),
    )
    options.check()
    watch = Stopwatch()
    return curve_embedded(embed_study(catalog, options.fit, watch), options, folder, watch)


def curve_embedded(
    data: Embedded,
    options: CurveOptions,
    folder: Path | None = None,
    stopwatch: Stopwatch | None = None,
    begin: Callable[[], None] = lambda: None,
) -> Curve:
    """Measure curves on a catalogue that is embedded already: see `curve`.

    `begin` is called when all that can be refused was not, before the first fit.
    """
    watch = stopwatch or Stopwatch()
    catalog, budgets = data.catalog, options.budgets
    seeds = seeds_from(options.fit.seed, options.seeds)
    with watch.stage("draw"):
        annotations = {seed: annotate(catalog, seed) for seed in seeds}
        draws = {share: [one.draw(share) for one in annotations.values()] for share in budgets}
        check_parts(options.objectives, catalog.matrix[draws[budgets[-1]][0].train], catalog.space)
        counts = _counts(catalog, options, list(annotations.values()))
    tasks = []
    for at, seed in enumerate(seeds):
        for share in reversed(budgets):
            drawn = DrawnData(data, draws[share][at])
            tasks += [(FitTask(name, seed, share), drawn) for name in options.objectives]
        for label, kept in counts.items():
            column = catalog.space.labels.index(label)
            for positives in kept:
                draw = annotations[seed].with_positives(catalog.matrix, column, positives)
                drawn = DrawnData(data, draw)
                tasks += [
                    (FitTask(name, seed, label=label, positives=positives), drawn)
                    for name in options.objectives
                ]
    begin()
    with watch.stage("fit"):
        fits, failures = run_fits(
            data, tasks, folder, finetune=options.fit.finetune, began=watch.began
        )
    trained = trained_sentence(data, options.fit.finetune, fits.values())
    products = tuple(products_drawn(draws[share]) for share in budgets)
    tests = catalog.in_split(TEST)
    bands = options.fit.bands.assign(mean_positives(catalog, draws[budgets[-1]]))
    measured = []
    steps = len(budgets) + sum(map(len, counts.values()))
    with watch.stage("measure"), track("Measuring", steps) as advance:
        for share in budgets:
            measured.append(
                measure(
                    [
                        fit
                        for task, fit in fits.items()
                        if (task.share, task.label) == (share, None)
                    ],
                    catalog.matrix[tests],
                    bands,
                    options.objectives,
                    seeds,
                    groups=catalog.group[tests],
                    drawn=trained_share(catalog, draws[share]),
                    seed=options.fit.seed,
                )
            )
            advance(1)
        labels = []
        for label, kept in counts.items():
            by_count = []
            for positives in kept:
                own = [
                    fit
                    for task, fit in fits.items()
                    if (task.label, task.positives) == (label, positives)
                ]
                by_count.append(_measure_label(own, catalog, label, positives, options, seeds))
                advance(1)
            estimates = {name: [one[name] for one in by_count] for name in options.objectives}
            labels.append(LabelCurve(label, tuple(kept), estimates))
    with watch.stage("savings"):
        saved = _savings(measured, products, options)
    return Curve(
        catalog,
        options.objectives,
        seeds,
        budgets,
        products,
        {
            name: {
                metric: [one.figures.estimates[name][metric] for one in measured]
                for metric in METRICS
            }
            for name in options.objectives
        },
        saved,
        labels,
        [failure for _, failure in failures],
        joined(trained, curve_headline(saved, products)),
        study_warnings(catalog),
        data.dropped,
        trained,
    )


def _savings(
    measured: Sequence[Measured], products: Sequence[int], options: CurveOptions
) -> list[Saving]:
    first, *others = options.objectives
    return [
        saving
        for other in others
        for saving in savings(
            measured, products, other, first, metric=options.metric, seed=options.fit.seed
        )
    ]


def _measure_label(
    fits: Sequence[StudyFit],
    catalog: Catalog,
    label: str,
    positives: int,
    options: CurveOptions,
    seeds: Sequence[int],
) -> Mapping[str, Estimate]:
    tests = catalog.in_split(TEST)
    column = catalog.space.labels.index(label)
    annotated = int((catalog.matrix[~tests, column] == POSITIVE).sum())
    return measure_label(
        fits,
        catalog.matrix[tests],
        column,
        options.objectives,
        seeds,
        groups=catalog.group[tests],
        drawn=positives / annotated,
        seed=options.fit.seed,
    )


def _counts(
    catalog: Catalog, options: CurveOptions, annotations: Sequence[Annotation]
) -> dict[str, list[int]]:
    """Give, for each label asked for, with how many positives it is fitted.

    Raises
    ------
    UsageError
        If there is no such label, or a count is beyond what there is.
    """
    found = {}
    for label in options.labels:
        if label not in catalog.space.labels:
            raise UsageError(
                f"labels: {label!r} is none of those that are learned: "
                + ", ".join(catalog.space.labels)
            )
        column = catalog.space.labels.index(label)
        there = min(
            int((catalog.matrix[one.train, column] == POSITIVE).sum()) for one in annotations
        )
        asked = POSITIVES if options.positives is None else options.positives
        kept = [count for count in asked if count <= there]
        if not kept or (options.positives is not None and len(kept) < len(asked)):
            raise UsageError(
                f"positives: {label} has {there} training positives, fewer than {asked[len(kept)]}"
            )
        found[label] = kept
    return found
