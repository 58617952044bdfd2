"""Readers, image decoding and splits."""

from longtailor.catalog.catalog import (
    IMAGE,
    MODALITIES,
    SPLITS,
    TEST,
    TEXT,
    TRAIN,
    VAL,
    Catalog,
    Skip,
)

__all__ = ["IMAGE", "MODALITIES", "SPLITS", "TEST", "TEXT", "TRAIN", "VAL", "Catalog", "Skip"]
