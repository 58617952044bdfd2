"""Planted label errors, and how many of them the first hundred disputes find.

    python benchmarks/label_errors.py ../shared/data/deepfashion6/catalog.csv [--attributes a,b]

In a share of the products of each attribute one label is made wrong: an exclusive attribute gets
another value, of any other one a value is taken away or added, all at random. What the catalogue
has wrong by itself counts as not found, so the figures are lower bounds. Compared are the default
recipe (`inspect --label-errors`), disputes by the difference of the probabilities, and cleanlab's
`get_label_quality_scores` on the same probabilities, which ranks products and not labels: there a
product counts as found if any of its labels was planted, which is easier.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from longtailor.catalog import Catalog
from longtailor.evaluation.label_errors import NONE, find_disputes
from longtailor.fitting import Embedded, FitOptions, embed_products
from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, LabelSpace
from longtailor.studies.label_errors import FEWEST
from longtailor.training.auto import fit_auto

FIRST = 100
Cell = tuple[int, int, int]
"""Product, the label it should not have, the label it should have (or NONE)."""


def main() -> None:
    """Plant errors, fit, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", nargs="+", type=Path)
    parser.add_argument("--attributes")
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = None if given.attributes is None else given.attributes.split(",")
    print(
        f"| catalogue | seed | planted | found in {FIRST} | expected by chance | cleanlab, products"
    )
    print("|---" * 6 + "|")
    for path in given.catalogs:
        data = embed_products(Catalog.read(path, attributes=names), FitOptions())
        for seed in range(given.seeds):
            print(f"| {path.parent.name} | {seed} | {_row(data, given.share, seed)} |", flush=True)


def _row(data: Embedded, share: float, seed: int) -> str:
    catalog = data.catalog
    enough = (catalog.matrix == POSITIVE).sum(axis=0) >= FEWEST
    space = LabelSpace(
        [label for label, some in zip(catalog.space.labels, enough, strict=True) if some],
        catalog.space.exclusive,
    )
    matrix, planted = plant(catalog.matrix[:, enough], space, share, seed)
    fit = fit_auto(torch.from_numpy(data.embeddings), matrix, space, catalog.group, data.blocks)
    p = expit(fit.held_out)
    found = find_disputes(p, matrix, [space.groups[name] for name in sorted(space.exclusive)])
    told = list(zip(found.products.tolist(), found.given.tolist(), strict=True))
    wrong = {(product, given) for product, given, _ in planted if given != NONE}
    lacking = {(product, label) for product, given, label in planted if given == NONE}
    hits = sum(
        (product, given) in wrong or (given == NONE and (product, label) in lacking)
        for (product, given), label in zip(told[:FIRST], found.suggested.tolist(), strict=False)
    )
    judged = (matrix != UNKNOWN).any(axis=1).sum() * len(space.attributes)
    return (
        f"{len(planted):,} | {hits} | {FIRST * len(planted) / judged:.1f} | "
        f"{_cleanlab(p, matrix, {product for product, _, _ in planted})}"
    )


def plant(
    matrix: LabelMatrix, space: LabelSpace, share: float, seed: int
) -> tuple[LabelMatrix, list[Cell]]:
    """Make labels wrong; of each, give the product, what it got and what it lost."""
    random = np.random.default_rng(seed)
    changed = matrix.copy()
    planted = []
    for name, columns in space.groups.items():
        known = np.flatnonzero((matrix[:, columns] != UNKNOWN).all(axis=1))
        if name in space.exclusive:
            known = known[(matrix[np.ix_(known, columns)] == POSITIVE).any(axis=1)]
        for product in random.choice(known, int(share * len(known)), replace=False).tolist():
            cells = matrix[product, columns]
            has, lacks = columns[cells == POSITIVE], columns[cells == NEGATIVE]
            takes = name in space.exclusive or (len(has) and random.random() < 0.5)
            adds = name in space.exclusive or not takes
            lost = int(random.choice(has)) if takes else NONE
            got = int(random.choice(lacks)) if adds else NONE
            if takes:
                changed[product, lost] = NEGATIVE
            if adds:
                changed[product, got] = POSITIVE
            planted.append((product, got, lost))
    return changed, planted


def _cleanlab(p: npt.NDArray[np.float64], matrix: LabelMatrix, planted: set[int]) -> Any:
    try:
        from cleanlab.multilabel_classification import get_label_quality_scores
    except ImportError:
        return "not installed"
    if (matrix == UNKNOWN).any():
        return "takes no unknown cells"
    quality = get_label_quality_scores([np.flatnonzero(row).tolist() for row in matrix], p)
    return len(set(np.argsort(quality)[:FIRST].tolist()) & planted)


if __name__ == "__main__":
    main()
