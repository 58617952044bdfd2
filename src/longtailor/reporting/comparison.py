"""`comparison.html`: what objectives do to a catalogue, on one page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from longtailor.catalog import SPLITS, TEST, TRAIN, VAL
from longtailor.labels import POSITIVE, LabelMatrix
from longtailor.reporting.comparison_panels import (
    forest_panels,
    gain_panels,
    name_and_counts,
    recall_panels,
    reliability_panels,
)
from longtailor.reporting.comparison_tables import (
    attribute_rows,
    band_counts,
    figure_rows,
    label_rows,
    of_metric,
    pair_rows,
)
from longtailor.reporting.disagreements import disagree
from longtailor.reporting.heat import heat_reach
from longtailor.reporting.page import figure_data_uri, render
from longtailor.reporting.photos import thumbnail
from longtailor.reporting.study_page import command_line, key
from longtailor.reporting.tail_plot import plot_tail
from longtailor.studies.results import Comparison, Scope, StudyFit

RAREST = 6
"""So many of the rarest labels get curves, and so many get examples."""
FEWEST_POSITIVES = 5
"""A label needs so many test positives for a curve or an example."""
PHOTOS = 6
"""At most so many examples of a kind."""
LONGEST_TEXT = 200


def build_comparison(comparison: Comparison, identity: Mapping[str, Any]) -> str:
    """Write the page.

    Parameters
    ----------
    comparison : Comparison
    identity : mapping
        What `run.json` says of the command: `command`, `catalog`, `configuration`.
    """
    scope, objectives = comparison.together, comparison.objectives
    catalog = scope.catalog
    matrix = catalog.matrix[catalog.in_split(TEST)]
    test_positives = (matrix == POSITIVE).sum(axis=0)
    fits = {name: [fit for fit in scope.fits if fit.objective == name] for name in objectives}
    rarest_first = [
        int(label)
        for label in np.argsort(scope.positives, kind="stable")
        if test_positives[label] >= FEWEST_POSITIVES
    ]
    annotated = int((catalog.in_split(TRAIN) | catalog.in_split(VAL)).sum())
    tail = plot_tail(catalog.space.labels, scope.positives, scope.bands)
    return render(
        "comparison.html",
        comparison=comparison,
        first=objectives[0],
        catalog=catalog,
        command=command_line(identity),
        splits={split: int(catalog.in_split(split).sum()) for split in SPLITS},
        annotated=annotated,
        fewest=FEWEST_POSITIVES,
        key=key(objectives),
        bands=band_counts(scope, test_positives),
        tail=figure_data_uri(tail),
        tail_width=round(tail.get_figwidth() * 96),
        labels=label_rows(scope, matrix, objectives[0]),
        figures=figure_rows(scope.figures, objectives),
        gains=gain_panels(scope.figures),
        forest=forest_panels(scope.figures),
        pairs=pair_rows(scope.figures),
        heat_reach=heat_reach([one.difference for one in scope.labels]),
        attributes=attribute_rows(comparison, test_positives),
        reliability=reliability_panels(
            scope, fits, matrix, rarest_first[:RAREST], FEWEST_POSITIVES
        ),
        recall=recall_panels(scope, fits, matrix, rarest_first[:RAREST]),
        examples=_examples(scope, fits, matrix, rarest_first, objectives),
        failures=[
            *(("together", one) for one in scope.failures),
            *(
                (f"{attribute} alone", one)
                for attribute, alone in comparison.separately.items()
                for one in alone.failures
            ),
        ],
        warnings=list(dict.fromkeys((*catalog.warnings, *comparison.warnings))),
    )


def _examples(
    scope: Scope,
    fits: Mapping[str, Sequence[StudyFit]],
    matrix: LabelMatrix,
    rarest_first: Sequence[int],
    objectives: Sequence[str],
) -> dict[str, Any] | None:
    """Compare the first objective with the best other one by macro F1, on the rarest labels."""
    means = {name: one.mean for name, one in of_metric(scope.figures, "f1_macro").items()}
    others = [name for name in objectives[1:] if fits[name] and not np.isnan(means[name])]
    if not others or not fits[objectives[0]]:
        return None
    a, b = max(others, key=lambda name: means[name]), objectives[0]
    shown = []
    for label in rarest_first:
        seen = disagree(fits[a], fits[b], matrix[:, label], label)
        if not len(seen.only_a) and not len(seen.only_b):
            continue
        name, note = name_and_counts(scope, label, matrix)
        sides = [
            {
                "finds": finds,
                "misses": misses,
                "count": len(at),
                "products": [_product(scope, product) for product in at[:PHOTOS]],
            }
            for finds, misses, at in ((a, b, seen.only_a), (b, a, seen.only_b))
        ]
        shown.append({"label": name, "note": note, "seen": seen, "sides": sides})
        if len(shown) == RAREST:
            break
    return {"a": a, "b": b, "labels": shown}


def _product(scope: Scope, tested: int) -> dict[str, Any]:
    catalog = scope.catalog
    product = np.flatnonzero(catalog.in_split(TEST))[tested]
    text = catalog.texts[product] or ""
    src = thumbnail(catalog.images[product])
    return {
        "id": catalog.ids[product],
        "src": src,
        "text": "" if src else text[:LONGEST_TEXT] + ("…" if len(text) > LONGEST_TEXT else ""),
    }
