"""Texts with a frozen encoder: our classifier beside scikit-learn's, on the same embeddings.

    python benchmarks/text.py ../shared/data/tweet_emotions/catalog.csv

scikit-learn: one `LogisticRegression` a label on embeddings of length 1, with and without
`class_weight="balanced"`, `C` chosen by mean average precision on the same validation split, and
thresholds chosen as ours are. Nothing comes from the embedding cache.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from longtailor import Catalog
from longtailor.catalog import SPLITS, TEST, TRAIN, VAL
from longtailor.catalog.splits import with_splits
from longtailor.encoders import DEFAULT_TEXT_ENCODER, embed_texts, load_text_encoder
from longtailor.evaluation.metrics import evaluate
from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.fitting import Embedded, FitOptions, fit_detector
from longtailor.labels import Bands

OBJECTIVES = ("none", "inverse_frequency", "effective_number:beta=0.999")
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--text-encoder", default=DEFAULT_TEXT_ENCODER)
    parser.add_argument("--backend", choices=("torch", "openvino"))
    arguments = parser.parse_args()
    catalog = with_splits(Catalog.read(arguments.catalog), 0)
    encoder = load_text_encoder(arguments.text_encoder, backend=arguments.backend)
    encoder.encode(["a warm-up"])
    start = time.perf_counter()
    embeddings = embed_texts(catalog.texts, encoder, cache=None)
    seconds = time.perf_counter() - start
    print(
        f"{encoder.name} on {encoder.backend.name}: {len(catalog):,} texts in {seconds:.1f} s, "
        f"{len(catalog) / seconds:,.0f} a second"
    )
    data = Embedded(catalog, embeddings, {"text": encoder}, {})
    for objective in OBJECTIVES:
        start = time.perf_counter()
        detector, fit = fit_detector(data, FitOptions(objective))
        seconds = time.perf_counter() - start
        show(
            objective,
            data,
            detector.probabilities(data.of(TEST)),
            detector.thresholds,
            f"{seconds:.1f} s, {len(fit.trials)} penalties, thresholds included",
        )
    for name, weight in (("scikit-learn", None), ("scikit-learn, balanced", "balanced")):
        start = time.perf_counter()
        model = tuned(data, weight)
        seconds = time.perf_counter() - start
        logits = {split: model.decision_function(unit(data.of(split))) for split in (VAL, TEST)}
        thresholds = choose_thresholds(
            logits[VAL],
            catalog.matrix[catalog.in_split(VAL)],
            list(catalog.space.groups.values()),
            np.zeros_like(logits[VAL]),
            0,
        )
        show(name, data, expit(logits[TEST]), thresholds, f"{seconds:.1f} s, C = {model.C}")


def unit(embeddings: Any) -> Any:
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def tuned(data: Embedded, weight: str | None) -> Any:
    catalog = data.catalog
    inputs = {split: unit(data.of(split)) for split in SPLITS}
    matrix = {split: catalog.matrix[catalog.in_split(split)] for split in SPLITS}
    best, best_map = None, -1.0
    for strength in STRENGTHS:
        model = OneVsRestClassifier(
            LogisticRegression(C=strength, class_weight=weight, max_iter=1000)
        ).fit(inputs[TRAIN], matrix[TRAIN])
        figure = average_precision(model.decision_function(inputs[VAL]), matrix[VAL]).mean()
        if figure > best_map:
            best, best_map = model, figure
            best.C = strength
    return best


def show(name: str, data: Embedded, probabilities: Any, thresholds: Any, how: str) -> None:
    catalog = data.catalog
    figures = evaluate(
        probabilities,
        catalog.matrix[catalog.in_split(TEST)],
        thresholds,
        Bands().assign(catalog.statistics(TRAIN).positive),
        resamples=1,
    ).summary
    numbers = "  ".join(
        f"{key} {figures[key]:.4f}" for key in ("map", "f1_macro", "f1_macro_at_half")
    )
    print(f"{name:28} {numbers}  ({how})")


if __name__ == "__main__":
    main()
