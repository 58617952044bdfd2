"""From a catalogue to a detector and what it can do: the main job, without writing anything."""

from longtailor.fitting.annotated import Laid, lay_decisions, lay_file
from longtailor.fitting.classifier import fit_detector
from longtailor.fitting.embedded import Embedded, drop_rare, embed_catalog, embed_products
from longtailor.fitting.fitted import Fitted, fit, fit_embedded
from longtailor.fitting.options import (
    BOTH,
    INPUTS,
    MIN_POSITIVES,
    TUNED_FOR_RECIPE,
    FitOptions,
    before_tuning,
    configuration,
    default_objective,
)
from longtailor.fitting.stopwatch import Stopwatch
from longtailor.fitting.tuned import tune_detector

__all__ = [
    "BOTH",
    "INPUTS",
    "MIN_POSITIVES",
    "TUNED_FOR_RECIPE",
    "Embedded",
    "FitOptions",
    "Fitted",
    "Laid",
    "Stopwatch",
    "before_tuning",
    "configuration",
    "default_objective",
    "drop_rare",
    "embed_catalog",
    "embed_products",
    "fit",
    "fit_detector",
    "fit_embedded",
    "lay_decisions",
    "lay_file",
    "tune_detector",
]
