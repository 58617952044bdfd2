"""The page of the demo: three objectives side by side."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from longtailor.catalog import TEST, TRAIN
from longtailor.fitting import Fitted
from longtailor.labels import BANDS
from longtailor.reporting.metric_titles import LOWER_IS_BETTER, title_of
from longtailor.reporting.page import render

_METRICS = (
    "map",
    *(f"map_{band}" for band in BANDS),
    "f1_macro_at_half",
    "f1_macro_tail_at_half",
    "f1_macro",
    "f1_macro_tail",
    "ece",
    "ece_corrected",
)


def build_demo_page(fitted: Mapping[str, Fitted], sheet: Path) -> str:
    """Write the page.

    Parameters
    ----------
    fitted : mapping of str to Fitted
        By objective, all on the same products.
    sheet : Path
        The contact sheet, a PNG.
    """
    summaries = {name: one.evaluations[TEST].summary for name, one in fitted.items()}
    catalog = next(iter(fitted.values())).data.catalog
    positives = catalog.statistics(TRAIN).positive
    rows = []
    for key in _METRICS:
        values = {name: summary[key] for name, summary in summaries.items()}
        measured = [value for value in values.values() if value is not None]
        best = (min if key in LOWER_IS_BETTER else max)(measured, default=None)
        rows.append({"title": title_of(key), "figures": values, "best": best})
    rarest = sorted(range(len(positives)), key=lambda label: positives[label])[:8]
    return render(
        "demo.html",
        sheet="data:image/png;base64," + base64.b64encode(sheet.read_bytes()).decode(),
        objectives=list(fitted),
        rows=rows,
        summary=next(iter(summaries.values())),
        splits={split: int(catalog.in_split(split).sum()) for split in ("train", "val", "test")},
        rarest=[
            {
                "label": catalog.space.labels[label],
                "train_positive": int(positives[label]),
                "test_positive": int((catalog.matrix[catalog.in_split(TEST), label] == 1).sum()),
                "ap": [_finite(one.evaluations[TEST].ap[label]) for one in fitted.values()],
                "recall": [_finite(one.evaluations[TEST].recall[label]) for one in fitted.values()],
            }
            for label in rarest
        ],
    )


def _finite(value: float) -> float | None:
    return float(value) if value == value else None
