"""`labels.csv`: the figures of each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from longtailor.catalog import TEST, TRAIN, VAL
from longtailor.catalog.formulas import guard_formulas
from longtailor.files import replacing
from longtailor.fitting import Fitted
from longtailor.labels import attribute_of


def labels_table(fitted: Fitted) -> pl.DataFrame:
    """Give one row a label, most training positives first; a figure that cannot be had is null."""
    catalog = fitted.data.catalog
    train = catalog.statistics(TRAIN)
    test = fitted.evaluations[TEST]
    val = fitted.evaluations[VAL]
    objective = fitted.fit.objective
    weights = (objective.positive_weight, objective.negative_weight)
    positive_weight, negative_weight = (
        np.full(len(train.positive), np.nan) if weight is None else weight.double().numpy()
        for weight in weights
    )
    labels = catalog.space.labels
    thresholds, promise = fitted.detector.thresholds, fitted.detector.promise
    table = pl.DataFrame(
        {
            "label": labels,
            "attribute": [attribute_of(label) for label in labels],
            "exclusive": [attribute_of(label) in catalog.space.exclusive for label in labels],
            "band": [str(band) for band in fitted.bands],
            "train_positive": train.positive,
            "train_negative": train.negative,
            "train_unknown": train.unknown,
            "val_positive": val.statistics.positive,
            "test_positive": test.statistics.positive,
            "test_negative": test.statistics.negative,
            "test_unknown": test.statistics.unknown,
            "ap": _nulls(test.ap),
            "ap_low": _nulls(test.ap_low),
            "ap_high": _nulls(test.ap_high),
            "f1": _nulls(test.f1),
            "precision": _nulls(test.precision),
            "recall": _nulls(test.recall),
            "f1_at_half": _nulls(test.f1_at_half),
            "brier": _nulls(test.brier),
            "threshold": _nulls(
                thresholds if promise is None else np.where(promise.kept, thresholds, np.nan)
            ),
            "positive_weight": _nulls(positive_weight),
            "negative_weight": _nulls(negative_weight),
        }
    )
    if promise is not None:
        table = table.with_columns(
            promised=pl.Series(promise.kept),
            val_positive_lacking=_nulls(promise.lacking).cast(pl.Int64),
        )
    return table.sort("train_positive", descending=True, maintain_order=True)


def write_labels(path: Path, fitted: Fitted) -> None:
    """Write `labels.csv`."""
    with replacing(path) as temporary:
        guard_formulas(labels_table(fitted)).write_csv(temporary)


def _nulls(values: npt.NDArray[np.float64]) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)
