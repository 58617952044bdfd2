"""Studies of simulated detectors, whose figures are simple means."""

from __future__ import annotations

import base64
import html.parser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.special import expit
from scipy.stats import norm

from longtailor.catalog import Catalog
from longtailor.evaluation.calibration import brier_score, expected_calibration_error
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import BANDS, Bands, LabelSpace
from longtailor.studies.results import (
    Comparison,
    Curve,
    Difference,
    Estimate,
    Failure,
    Figures,
    LabelCurve,
    LabelDifferences,
    Saving,
    Scope,
    StudyFit,
)

OBJECTIVES = ("none", "inverse_frequency", "effective_number:beta=0.999")
SEEDS = (0, 1, 2)
EVIL = "<script>alert(1)</script>"
LABELS = (
    "sleeve:short",
    "sleeve:long",
    "sleeve:cap",
    "sleeve:puff",
    f"sleeve:{EVIL}",
    "neck:crew",
    "neck:v",
    "neck:$\\frac$",
    "neck:日本 off the shoulder with a very long name",
    "detail:bow",
    "detail:frill",
    "detail:sequins",
)
SHARES = (0.5, 0.3, 0.15, 0.08, 0.06, 0.5, 0.3, 0.12, 0.08, 0.2, 0.1, 0.004)
PRODUCTS = 600
# What a weighting does to the logits: inverse frequency moves rare labels up, and blurs a little.
_SHIFT = {OBJECTIVES[0]: 0.0, OBJECTIVES[1]: 1.0, OBJECTIVES[2]: 0.7}
_NOISE = {OBJECTIVES[0]: 1.0, OBJECTIVES[1]: 1.2, OBJECTIVES[2]: 1.02}


def simulated_catalog(
    folder: Path | None, labels: Sequence[str], shares: Sequence[float]
) -> Catalog:
    random = np.random.default_rng(0)
    matrix = (random.random((PRODUCTS, len(labels))) < shares).astype(np.int8)
    matrix[random.random(matrix.shape) < 0.03] = -1
    images: list[Path | None] = [None] * PRODUCTS
    if folder is not None:
        for number in range(12):
            color = tuple(int(part) for part in random.integers(0, 256, 3))
            Image.new("RGB", (90, 120), color).save(folder / f"{number}.png")
        images = [folder / f"{at % 12}.png" for at in range(PRODUCTS)]
    return Catalog(
        ids=tuple(f"<b>p{at}" for at in range(PRODUCTS)),
        images=tuple(images),
        texts=tuple(f"a garment & its <i>number</i> {at}" for at in range(PRODUCTS)),
        matrix=matrix,
        space=LabelSpace(labels),
        split=np.repeat(["train", "val", "test"], [200, 100, 300]),
        group=np.full(PRODUCTS, ""),
        rows=np.arange(PRODUCTS) + 2,
        source=Path("/somewhere/<i>shop/products.csv"),
    )


def simulated_fit(
    catalog: Catalog, objective: str, seed: int, columns: npt.NDArray[Any]
) -> StudyFit:
    matrix = catalog.matrix[catalog.in_split("test")][:, columns]
    shares = np.clip((matrix == 1).mean(axis=0), 0.003, 1)
    random = np.random.default_rng([seed, len(columns)])
    base = random.normal(size=matrix.shape)
    rarity = -np.log(shares)
    own = np.random.default_rng([seed, *objective.encode()]).normal(size=matrix.shape)
    logits = (
        np.log(shares / (1 - shares))
        + 2.4 * (matrix == 1)
        + _NOISE.get(objective, 1.0) * base
        + 0.3 * own
        + _SHIFT.get(objective, 0.4) * rarity
    )
    return StudyFit(
        objective,
        seed,
        expit(logits).astype(np.float32),
        expit(logits - _SHIFT.get(objective, 0.4) * rarity).astype(np.float32),
        np.clip(expit(-1.2 + _SHIFT.get(objective, 0.4) * rarity * 0.8), 0.05, 0.95),
        (catalog.matrix[catalog.in_split("train")][:, columns] == 1).sum(axis=0),
        0.001 * (seed + 1),
        0.25,
    )


def simple_metrics(fit: StudyFit, matrix: Any, bands: Any) -> dict[str, float]:
    ap = average_precision(fit.probabilities, matrix)
    half = judge(fit.probabilities >= 0.5, matrix).f1
    chosen = judge(fit.probabilities >= fit.thresholds, matrix).f1

    def mean(values: Any) -> float:
        return float(np.nanmean(values)) if (~np.isnan(values)).any() else float("nan")

    tail = bands == "tail"
    return {
        "map": mean(ap),
        **{f"map_{band}": mean(ap[bands == band]) for band in BANDS},
        "f1_macro_at_half": mean(half),
        "f1_macro_tail_at_half": mean(half[tail]),
        "f1_macro": mean(chosen),
        "f1_macro_tail": mean(chosen[tail]),
        "threshold_gain": mean(chosen) - mean(half),
        "brier": mean(brier_score(fit.probabilities, matrix)),
        "ece": expected_calibration_error(fit.probabilities, matrix),
        "ece_corrected": expected_calibration_error(fit.corrected, matrix),
    }


def simple_estimate(values: Sequence[float]) -> Estimate:
    mean, spread = float(np.mean(values)), float(np.std(values)) + 0.01
    return Estimate(mean, mean - 2 * spread, mean + 2 * spread, tuple(values))


def simple_figures(fits: Sequence[StudyFit], matrix: Any, bands: Any) -> Figures:
    reached: dict[str, list[dict[str, float]]] = {}
    for fit in fits:
        reached.setdefault(fit.objective, []).append(simple_metrics(fit, matrix, bands))
    estimates = {
        name: {metric: simple_estimate([one[metric] for one in each]) for metric in each[0]}
        for name, each in reached.items()
    }
    paired = []
    for metric in next(iter(estimates.values())):
        # The first objective is sometimes a and sometimes b.
        for a, b in combinations(estimates, 2):
            difference = estimates[a][metric].mean - estimates[b][metric].mean
            p = float(2 * norm.sf(abs(difference) / 0.006))
            paired.append(
                Difference(
                    a,
                    b,
                    metric,
                    difference,
                    difference - 0.012,
                    difference + 0.012,
                    p,
                    min(1, 3 * p),
                )
            )
    return Figures(estimates, paired)


def simulated_scope(
    catalog: Catalog, columns: npt.NDArray[Any], objectives: Sequence[str]
) -> Scope:
    inside = catalog.take_labels(columns)
    matrix = inside.matrix[inside.in_split("test")]
    fits = [simulated_fit(catalog, name, seed, columns) for name in objectives for seed in SEEDS]
    positives = (inside.matrix[inside.in_split("train")] == 1).sum(axis=0)
    bands = Bands(60, 20).assign(positives)
    ap = {
        name: np.mean(
            [average_precision(f.probabilities, matrix) for f in fits if f.objective == name],
            axis=0,
        )
        for name in objectives
    }
    differences = []
    for name in objectives[1:]:
        difference = ap[name] - ap[objectives[0]]
        differences.append(
            LabelDifferences(
                name,
                objectives[0],
                difference,
                difference - 0.05,
                difference + 0.05,
                np.where(np.isnan(difference), np.nan, 2 * norm.sf(np.abs(difference) / 0.02)),
            )
        )
    return Scope(
        attributes=inside.space.attributes,
        catalog=inside,
        bands=bands,
        positives=positives,
        fits=fits,
        figures=simple_figures(fits, matrix, bands),
        by_attribute={
            attribute: simple_figures(
                [
                    replace(
                        fit,
                        probabilities=fit.probabilities[:, at],
                        corrected=fit.corrected[:, at],
                        thresholds=fit.thresholds[at],
                    )
                    for fit in fits
                ],
                matrix[:, at],
                bands[at],
            )
            for attribute, at in inside.space.groups.items()
        },
        labels=differences,
        ap=ap,
        failures=[Failure(objectives[-1], 1, "the fit did not <b>converge</b>")],
    )


def simulate_comparison(
    folder: Path | None = None,
    labels: Sequence[str] = LABELS,
    shares: Sequence[float] = SHARES,
    objectives: Sequence[str] = OBJECTIVES,
) -> Comparison:
    catalog = simulated_catalog(folder, labels, shares)
    return Comparison(
        objectives=tuple(objectives),
        seeds=SEEDS,
        share=0.8,
        together=simulated_scope(catalog, np.arange(len(labels)), objectives),
        separately={
            attribute: simulated_scope(catalog, at, objectives)
            for attribute, at in list(catalog.space.groups.items())[:2]
        },
        headline="effective_number & <none> are alike.",
        dropped={"neck:<halter>": 1},
        warnings=["label <u>x</u> is odd"],
        products=240,
    )


@pytest.fixture(scope="session")
def make_comparison() -> Callable[..., Comparison]:
    """Simulates a comparison: of 600 products, 12 labels, 3 objectives and 3 seeds by default."""
    return simulate_comparison


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """A simulated comparison of products with photos."""
    return simulate_comparison(tmp_path_factory.mktemp("photos"))


def simulate_curve(objectives: Sequence[str] = OBJECTIVES) -> Curve:
    catalog = simulated_catalog(None, LABELS, SHARES)
    products = (15, 30, 75, 150, 300)
    random = np.random.default_rng(0)

    def estimates(amounts: Sequence[int], top: float) -> list[Estimate]:
        return [
            simple_estimate((top - 0.5 * amount**-0.4 + random.normal(0, 0.006, 3)).tolist())
            for amount in amounts
        ]

    by_metric: Mapping[str, float] = {
        "map": 0.6,
        "map_tail": 0.4,
        "f1_macro": 0.55,
        "f1_macro_at_half": 0.5,
    }
    return Curve(
        catalog=catalog,
        objectives=tuple(objectives),
        seeds=SEEDS,
        budgets=(0.05, 0.1, 0.25, 0.5, 1.0),
        products=products,
        estimates={
            name: {m: estimates(products, top + 0.02 * at) for m, top in by_metric.items()}
            for at, name in enumerate(objectives)
        },
        savings=[
            Saving(objectives[1], objectives[0], "map", 75, 140.4, 101.0, 210.0),
            Saving(objectives[2], objectives[0], "map", 150, 290.0, 180.0, float("inf")),
            Saving(objectives[2], objectives[0], "map", 300, *[float("inf")] * 3),
        ],
        labels=[
            LabelCurve(
                LABELS[at],
                (2, 4, 8, 16),
                {name: estimates((2, 4, 8, 16), 0.7) for name in objectives},
            )
            for at in (3, 4)
        ],
        failures=[Failure(objectives[1], 2, "ran out of <i>luck</i>")],
        headline="effective_number saves <much>.",
        warnings=["few <u>products</u>"],
        dropped={"neck:<halter>": 1},
    )


@pytest.fixture(scope="session")
def curve() -> Curve:
    """A simulated curve."""
    return simulate_curve()


@pytest.fixture(scope="session")
def identity() -> dict[str, Any]:
    """What `run.json` would say of the command."""
    return {
        "command": "compare",
        "catalog": "my <shop>/products.csv",
        "configuration": {"objectives": list(OBJECTIVES), "seeds": 3, "images": None},
        "seed": 0,
    }


class Page(html.parser.HTMLParser):
    """The addresses, tags, alternative texts and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.alts: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.alts += [value for name, value in attrs if name == "alt" and value]
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset")
        ]

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def drawings(self) -> list[str]:
        return [
            base64.b64decode(address.partition(",")[2]).decode()
            for address in self.addresses
            if address.startswith("data:image/svg")
        ]


@pytest.fixture(scope="session")
def read_page() -> Callable[[str], Page]:
    """Reads a page as a browser would."""
    return Page
