"""`report.html`: what a detector learned, on one page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from longtailor.catalog import IMAGE, TEST, TEXT, TRAIN, VAL
from longtailor.fitting import Fitted
from longtailor.labels import BANDS, attribute_of
from longtailor.reporting.figures_plot import plot_average_precision, plot_precision_recall
from longtailor.reporting.learning_plot import plot_learning
from longtailor.reporting.page import figure_data_uri, render
from longtailor.reporting.photos import Sighting, sightings, thumbnail
from longtailor.reporting.tail_plot import plot_tail
from longtailor.studies.annotations import Effect
from longtailor.studies.inputs import METRICS as INPUT_METRICS
from longtailor.studies.inputs import Inputs

RAREST = 6
"""So many of the rarest labels get a curve and photos."""
PHOTOS = 6
"""At most so many photos or texts of a kind."""
LETTERS = 280
"""So many of a text are shown."""


def build_report(
    fitted: Fitted,
    identity: Mapping[str, Any],
    inputs: Inputs | None = None,
    effect: Effect | None = None,
) -> str:
    """Write the page.

    Parameters
    ----------
    fitted : Fitted
    identity : mapping
        What `run.json` says of the command: `catalog`, `configuration`.
    inputs : Inputs, optional
        What images and texts each add, where both were learned from.
    effect : Effect, optional
        What decisions of reviewers changed.
    """
    catalog = fitted.data.catalog
    test = fitted.evaluations[TEST]
    positives = catalog.statistics(TRAIN).positive
    most_first = np.argsort(-positives, kind="stable")
    measured = [label for label in most_first if test.statistics.positive[label] > 0]
    tail = plot_tail(catalog.space.labels, positives, fitted.bands)
    return render(
        "report.html",
        identity=identity,
        catalog=catalog,
        fitted=fitted,
        objective=fitted.detector.objective,
        splits={split: int(catalog.in_split(split).sum()) for split in ("train", "val", "test")},
        test=test.summary,
        bands={band: _band(fitted, band) for band in BANDS},
        labels=[_label(fitted, label, int(positives[label])) for label in most_first],
        inputs=inputs,
        input_metrics=INPUT_METRICS,
        effect=effect,
        with_images=IMAGE in fitted.data.encoders,
        promise=_promise(fitted),
        unmeasured=[
            catalog.space.labels[label]
            for label in most_first
            if test.statistics.positive[label] == 0
        ],
        tail=figure_data_uri(tail),
        tail_width=int(tail.get_figwidth() * 96),
        ap=_ap_plot(fitted, measured, positives),
        learning=_learning(fitted),
        curves=_curves(fitted, measured[: -RAREST - 1 : -1], positives),
        rarest=[
            _rare(fitted, label, int(positives[label])) for label in measured[: -RAREST - 1 : -1]
        ],
    )


def _learning(fitted: Fitted) -> dict[str, Any] | None:
    if fitted.tuned is None or fitted.start is None:
        return None
    curves = fitted.tuned.curves
    refitted = fitted.fit is not fitted.start
    figure = plot_learning(
        curves["epochs"], curves["losses"], curves["best_epoch"], fitted.frozen[VAL].summary
    )
    return {
        "uri": figure_data_uri(figure),
        "width": int(figure.get_figwidth() * 96),
        "curves": curves,
        "frozen": fitted.frozen[TEST].summary,
        "start": fitted.start.specification,
        "recipe": fitted.fit.specification if refitted else None,
    }


def _promise(fitted: Fitted) -> dict[str, Any] | None:
    promise = fitted.detector.promise
    if promise is None:
        return None
    val = fitted.evaluations[VAL].statistics.positive
    labels = fitted.data.catalog.space.labels
    return {
        **promise.summarise(fitted.evaluations[TEST].precision),
        "without": [
            {
                "label": labels[label],
                "positives": int(val[label]),
                "lacking": None if np.isnan(lacking) else int(lacking),
            }
            for label, lacking in enumerate(promise.lacking)
            if not promise.kept[label]
        ],
    }


def _band(fitted: Fitted, band: str) -> dict[str, Any]:
    test = fitted.evaluations[TEST]
    inside = fitted.bands == band
    scored = inside & (test.statistics.positive > 0)

    def mean(values: Any) -> float | None:
        return float(values[scored].mean()) if scored.any() else None

    return {
        "labels": int(inside.sum()),
        "scored": int(scored.sum()),
        "positives": int(test.statistics.positive[scored].sum()),
        "ap": mean(test.ap),
        "f1": mean(test.f1),
        "f1_at_half": mean(test.f1_at_half),
    }


def _label(fitted: Fitted, label: int, positives: int) -> dict[str, Any]:
    test = fitted.evaluations[TEST]
    name = fitted.data.catalog.space.labels[label]

    def number(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return {
        "label": name,
        "exclusive": attribute_of(name) in fitted.data.catalog.space.exclusive,
        "band": str(fitted.bands[label]),
        "train_positive": positives,
        "test_positive": int(test.statistics.positive[label]),
        "ap": number(test.ap[label]),
        "ap_low": number(test.ap_low[label]),
        "ap_high": number(test.ap_high[label]),
        "precision": number(test.precision[label]),
        "recall": number(test.recall[label]),
        "f1": number(test.f1[label]),
        "f1_at_half": number(test.f1_at_half[label]),
        "threshold": _threshold(fitted, label),
    }


def _threshold(fitted: Fitted, label: int) -> float | None:
    """Give the threshold of a label, None where it is never predicted."""
    promise = fitted.detector.promise
    if promise is not None and not promise.kept[label]:
        return None
    return float(fitted.detector.thresholds[label])


def _ap_plot(fitted: Fitted, measured: list[Any], positives: Any) -> dict[str, Any] | None:
    if not measured:
        return None
    test = fitted.evaluations[TEST]
    names = [
        f"{fitted.data.catalog.space.labels[label]} ({positives[label]:,})" for label in measured
    ]
    figure = plot_average_precision(
        names,
        fitted.bands[measured],
        test.ap[measured],
        test.ap_low[measured],
        test.ap_high[measured],
    )
    return {"uri": figure_data_uri(figure), "width": int(figure.get_figwidth() * 96)}


def _curves(fitted: Fitted, labels: list[Any], positives: Any) -> str | None:
    if not labels:
        return None
    catalog = fitted.data.catalog
    at = np.flatnonzero(catalog.in_split(TEST))
    counts = fitted.evaluations[TEST].statistics.positive
    figure = plot_precision_recall(
        [
            f"{catalog.space.labels[label]}\n{positives[label]:,} train, {counts[label]:,} test"
            for label in labels
        ],
        [str(fitted.bands[label]) for label in labels],
        fitted.probabilities[TEST][:, labels],
        catalog.matrix[np.ix_(at, labels)],
        fitted.detector.thresholds[labels],
    )
    return figure_data_uri(figure)


def _rare(fitted: Fitted, label: int, positives: int) -> dict[str, Any]:
    catalog = fitted.data.catalog
    with_images, with_texts = IMAGE in fitted.data.encoders, TEXT in fitted.data.encoders
    at = np.flatnonzero(catalog.in_split(TEST))
    seen = sightings(
        fitted.probabilities[TEST][:, label],
        catalog.matrix[at, label],
        fitted.detector.thresholds[label],
        PHOTOS,
    )

    def photos(shown: list[Sighting]) -> list[dict[str, Any]]:
        return [
            {
                "id": catalog.ids[at[one.product]],
                "probability": one.probability,
                "src": thumbnail(catalog.images[at[one.product]]) if with_images else None,
                "text": _excerpt(catalog.texts[at[one.product]]) if with_texts else None,
            }
            for one in shown
        ]

    return {
        **_label(fitted, label, positives),
        "kinds": [
            ("found", photos(seen.found), seen.found_count),
            ("missed", photos(seen.missed), seen.missed_count),
            ("false alarms", photos(seen.false_alarms), seen.false_alarm_count),
        ],
    }


def _excerpt(text: str | None) -> str | None:
    return text if text is None or len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
