"""What the metrics of `metrics.json` are called on a page."""

from __future__ import annotations

from longtailor.labels import BANDS
from longtailor.studies.resampled import LOWER_IS_BETTER

__all__ = ["LOWER_IS_BETTER", "NEITHER_IS_BETTER", "TITLES", "title_of"]

TITLES = {
    "map": "mean average precision",
    **{f"map_{band}": f"mean average precision, {band}" for band in BANDS},
    "map_micro": "micro average precision",
    "f1_macro_at_half": "macro F1 at 0.5",
    "f1_macro_tail_at_half": "macro F1 at 0.5, tail",
    "f1_macro": "macro F1 at the chosen thresholds",
    "f1_macro_tail": "macro F1 at the chosen thresholds, tail",
    "threshold_gain": "what chosen thresholds add to macro F1",
    "threshold_gain_tail": "what chosen thresholds add to macro F1, tail",
    "f1_macro_predicted": "macro F1 as predicted",
    "f1_macro_tail_predicted": "macro F1 as predicted, tail",
    "brier": "Brier score",
    "brier_corrected": "Brier score, corrected for the weights",
    "ece": "calibration error",
    "ece_corrected": "calibration error, corrected for the weights",
}
NEITHER_IS_BETTER = frozenset({"threshold_gain", "threshold_gain_tail"})


def title_of(metric: str) -> str:
    """Give the title of a metric."""
    return TITLES.get(metric, metric.replace("_", " "))
