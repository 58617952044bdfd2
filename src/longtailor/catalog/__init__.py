"""Readers, image decoding and splits."""

from longtailor.catalog.catalog import SPLITS, TEST, TRAIN, VAL, Catalog, Skip

__all__ = ["SPLITS", "TEST", "TRAIN", "VAL", "Catalog", "Skip"]
