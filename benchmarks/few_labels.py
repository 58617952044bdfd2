"""Which training recipe lifts rare labels, at 10, 25 and 100 % of the annotated products.

    python benchmarks/few_labels.py ../shared/data/deepfashion6 ../shared/data/bibtex \
        --store ~/few_labels [--shares 0.1 1] [--methods none auto] [--seeds 5] [--only-table]

A folder is a catalogue (`catalog.csv`) or a feature set (`X_train.npz`, ...). All methods get the
embeddings of `--encoder`; with `--against-encoder` the rivals get those of that one.

Each seed draws train and val anew from the annotated products (`longtailor.studies.draws`), all
methods get the same products, embeddings and penalties, and the test products stay. Every fit is
kept in the store, so that a killed run goes on where it was and several may run side by side.

Prints one Markdown table: means over the seeds, and for every rival `auto` minus it with the
paired 95 % interval of `longtailor.studies.intervals`, over training draws and test products.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import load_npz
from sklearn.preprocessing import StandardScaler

from few_labels_methods import METHODS, Given
from longtailor.catalog import TEST, TRAIN, Catalog
from longtailor.classifiers import Block
from longtailor.encoders import DEFAULT_ENCODER
from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.resampling import bootstrap_weights
from longtailor.files import replacing
from longtailor.fitting import FitOptions, embed_catalog
from longtailor.labels import POSITIVE, LabelMatrix, LabelSpace, as_label_matrix
from longtailor.studies.draws import annotate
from longtailor.studies.intervals import spread

Floats = npt.NDArray[np.float64]

SHARES = (0.1, 0.25, 1.0)
MIN_POSITIVES = 5
"""Labels with fewer positives in the train split as given are left out."""
TAIL_BELOW = 20
FEWEST_TAIL = 10
"""With fewer labels in the tail band, the rarest third stands for it."""
RESAMPLES = 1000
AUTO = "auto"


@dataclass(frozen=True, eq=False)
class Source:
    """A catalogue or feature set, embedded."""

    name: str
    embeddings: npt.NDArray[np.float32]
    catalog: Catalog
    blocks: tuple[Block, ...] | None = None


def main() -> None:
    """Make the fits that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="folder of finished fits")
    parser.add_argument("--shares", nargs="+", type=float, default=list(SHARES))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--against-encoder", help="rivals have the embeddings of this one")
    parser.add_argument(
        "--against-all", action="store_true", help="rivals have all labels, whatever the share"
    )
    parser.add_argument("--only-table", action="store_true", help="of the fits that are there")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for folder in given.folders:
        source = _read(folder, given.encoder)
        rival = _read(folder, given.against_encoder) if given.against_encoder else source
        for share in given.shares:
            fits = {}
            for method in given.methods:
                annotated = 1.0 if given.against_all and method != AUTO else share
                made = [
                    _fit(
                        source if method == AUTO else rival,
                        annotated,
                        seed,
                        method,
                        given.store,
                        given.only_table,
                    )
                    for seed in range(given.seeds)
                ]
                if all(one is not None for one in made):
                    fits[method] = [one for one in made if one is not None]
            # Draws of all labels share more products, which makes the wider intervals.
            drawn = 1.0 if given.against_all else share
            rows.extend(_rows(source, share, drawn, fits))
    heads = [
        "setting",
        "labels",
        "method",
        "map",
        "tail",
        "auto - it: map",
        "auto - it: tail",
        "fit",
    ]
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def _read(folder: Path, encoder: str = DEFAULT_ENCODER) -> Source:
    if (folder / "catalog.csv").exists():
        catalog = Catalog.read(folder / "catalog.csv")
        data = embed_catalog(catalog, FitOptions(encoder=encoder, min_positives=MIN_POSITIVES))
        name = folder.name if encoder == DEFAULT_ENCODER else f"{folder.name}+{encoder}"
        return Source(name, data.embeddings, data.catalog, data.blocks)
    parts = [_feature_set(folder, split) for split in ("train", "test")]
    scaler = StandardScaler().fit(parts[0][0])
    matrix = np.concatenate([part[1] for part in parts])
    split = np.repeat([TRAIN, TEST], [len(part[1]) for part in parts])
    learned = np.flatnonzero((matrix[split == TRAIN] == POSITIVE).sum(axis=0) >= MIN_POSITIVES)
    count = len(matrix)
    catalog = Catalog(
        ids=tuple(str(row) for row in range(count)),
        images=(None,) * count,
        texts=(None,) * count,
        matrix=matrix[:, learned],
        space=LabelSpace(f"label{column}" for column in learned),
        split=split,
        group=np.full(count, ""),
        rows=np.arange(count),
    )
    embeddings = scaler.transform(np.concatenate([part[0] for part in parts])).astype(np.float32)
    return Source(folder.name, embeddings, catalog)


def _feature_set(folder: Path, split: str) -> tuple[npt.NDArray[np.float32], LabelMatrix]:
    features = load_npz(folder / f"X_{split}.npz").toarray().astype(np.float32)
    return features, as_label_matrix(load_npz(folder / f"Y_{split}.npz").toarray())


def _given(source: Source, share: float, seed: int) -> Given:
    draw = annotate(source.catalog, seed).draw(share)
    catalog = source.catalog
    test = catalog.in_split(TEST)
    return Given(
        source.embeddings[draw.train],
        catalog.matrix[draw.train],
        source.embeddings[draw.val],
        catalog.matrix[draw.val],
        catalog.space,
        source.embeddings[test],
        source.blocks,
    )


def _fit(
    source: Source, share: float, seed: int, method: str, store: Path, only_table: bool
) -> dict[str, npt.NDArray[Any]] | None:
    """Give the test scores of one fit, and its seconds: from the store, or made now."""
    key = f"{source.name}-{share:g}-{seed}-{method}"
    path = store / f"{key}.npz"
    if path.exists():
        return dict(np.load(path, allow_pickle=False))
    if only_table:
        return None
    given = _given(source, share, seed)
    learned = (given.matrix == POSITIVE).any(axis=0)
    start = time.perf_counter()
    scores = METHODS[method](given.take_labels(learned))
    seconds = time.perf_counter() - start
    # A label without a training positive is ranked by nothing, by every method.
    everywhere = np.zeros((len(given.test), len(learned)), np.float32)
    everywhere[:, learned] = scores
    fit = {
        "scores": everywhere,
        "seconds": np.array(seconds),
        "positives": (given.matrix == POSITIVE).sum(axis=0),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **fit)
    print(f"{key}: {seconds:.1f} s", flush=True)
    return fit


def _rows(
    source: Source, share: float, drawn: float, fits: dict[str, list[dict[str, npt.NDArray[Any]]]]
) -> list[list[str]]:
    if not fits:
        return []
    matrix = source.catalog.matrix[source.catalog.in_split(TEST)]
    made = fits.get(AUTO) or next(iter(fits.values()))
    positives = np.mean([fit["positives"] for fit in made], axis=0)
    # What a catalogue's own fit would learn (min_positives), and what can be measured.
    learned = np.flatnonzero((positives >= 2) & (matrix == POSITIVE).any(axis=0))
    tail = learned[positives[learned] < TAIL_BELOW]
    by_band = len(tail) >= FEWEST_TAIL
    if not by_band:
        order = np.argsort(positives[learned], kind="stable")
        tail = learned[order[: -(-len(learned) // 3)]]
    seed = int(hashlib.sha256(source.name.encode()).hexdigest()[:8], 16)
    weights = bootstrap_weights(len(matrix), RESAMPLES, seed).astype(np.float32)
    weights = np.concatenate([np.ones((1, len(matrix)), np.float32), weights])
    figures = {
        method: [
            np.stack([_mean(ap[:, columns]) for columns in (learned, tail)])
            for ap in (average_precision(fit["scores"], matrix, weights) for fit in made)
        ]
        for method, made in fits.items()
    }
    rows = []
    for method, own_figures in figures.items():
        row = [
            f"{source.name}, {share:.0%}",
            f"{len(learned)}, {len(tail)}{'' if by_band else ' (third)'}",
            method,
            *(f"{np.mean([own[part, 0] for own in own_figures]):.4f}" for part in range(2)),
        ]
        for part, columns in enumerate((learned, tail)):
            if AUTO not in figures or method == AUTO:
                row.append("")
                continue
            ours, theirs = (np.stack([own[part] for own in figures[one]]) for one in (AUTO, method))
            paired = ours - theirs
            units = int((matrix[:, columns] == POSITIVE).any(axis=1).sum())
            found = spread(paired[:, 0], paired[:, 1:], drawn, units)
            low, high = found.interval(-1.0, 1.0)
            row.append(f"{found.mean:+.4f} ({low:+.4f} to {high:+.4f})")
        seconds = np.median([fit["seconds"] for fit in fits[method]])
        rows.append([*row, f"{seconds:.1f} s"])
    return rows


def _mean(values: Floats) -> Floats:
    return np.asarray(np.nanmean(values, axis=1))


if __name__ == "__main__":
    main()
