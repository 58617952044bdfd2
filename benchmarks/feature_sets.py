"""Every objective on feature sets without images, through arrays alone.

    python benchmarks/feature_sets.py ../shared/data/bibtex ../shared/data/enron

Each folder holds X_train.npz, Y_train.npz, X_test.npz, Y_test.npz (SciPy CSR). An eighth of train
becomes val, which chooses the penalty. Prints one Markdown table a set.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import load_npz
from sklearn.preprocessing import StandardScaler

from longtailor.catalog.splits import carve_splits
from longtailor.classifiers import compete
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import TAIL, Bands, LabelMatrix, LabelSpace, as_label_matrix
from longtailor.objectives import names
from longtailor.training import fit_classifier

Floats = npt.NDArray[np.float32]


def main() -> None:
    """Fit every objective to every feature set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--objectives", nargs="+", default=list(names()))
    given = parser.parse_args()
    for folder in given.folders:
        train, matrix = _read(folder, "train")
        test, test_matrix = _read(folder, "test")
        blank = np.full(len(train), "", dtype="U5")
        split = carve_splits(matrix, blank, blank, fractions=(7, 1, 0))
        fitted, val = split == "train", split == "val"
        scaler = StandardScaler().fit(train[fitted])
        train, test = (scaler.transform(rows).astype(np.float32) for rows in (train, test))
        learned = (matrix[fitted] == 1).sum(axis=0) >= 1
        matrix, test_matrix = matrix[:, learned], test_matrix[:, learned]
        space = LabelSpace(f"label{column}" for column in range(matrix.shape[1]))
        tail = Bands(thirds=True).assign((matrix[fitted] == 1).sum(axis=0)) == TAIL
        print(f"\n### {folder.name}: {fitted.sum():,} train, {len(space)} labels\n")
        print("| objective | map | map, tail third | f1_macro_at_half | tail third | fit |")
        print("|---" * 6 + "|")
        for objective in given.objectives:
            start = time.perf_counter()
            fit = fit_classifier(
                train[fitted], matrix[fitted], train[val], matrix[val], space, objective
            )
            seconds = time.perf_counter() - start
            with torch.inference_mode():
                logits = compete(fit.classifier(torch.from_numpy(test)), fit.competing).numpy()
            ap = average_precision(logits, test_matrix)
            f1 = judge(logits >= 0, test_matrix).f1
            cells = [f"{np.nanmean(row):.3f}" for row in (ap, ap[tail], f1, f1[tail])]
            print(f"| {objective} | {' | '.join(cells)} | {seconds:.1f} s |", flush=True)


def _read(folder: Path, split: str) -> tuple[Floats, LabelMatrix]:
    features = load_npz(folder / f"X_{split}.npz").toarray().astype(np.float32)
    return features, as_label_matrix(load_npz(folder / f"Y_{split}.npz").toarray())


if __name__ == "__main__":
    main()
