"""Fit a classifier on embeddings."""

from longtailor.training.search import Fit, Trial, fit_classifier

__all__ = ["Fit", "Trial", "fit_classifier"]
