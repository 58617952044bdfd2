"""What a catalogue holds, told before anyone trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog.catalog import SPLITS, TEST, TRAIN, VAL, Catalog
from longtailor.catalog.leaks import (
    ImageHashes,
    Leak,
    find_disagreements,
    find_identical,
    find_leaks,
    find_similar,
)
from longtailor.catalog.splits import with_splits
from longtailor.labels import (
    POSITIVE,
    UNKNOWN,
    Bands,
    LabelMatrix,
    attribute_of,
    value_of,
)

MIN_POSITIVES = 2
"""Training positives below which a label is said to be too rare to learn."""

MIN_TOGETHER = 5
TOP_PAIRS = 20


@dataclass(frozen=True)
class LabelCounts:
    """How often one label is seen.

    Attributes
    ----------
    label, attribute, value, band : str
    positive, negative, unknown : int
        Over all products.
    train_positive, val_positive, test_positive : int
    negatives_per_positive : float or None
        Over all products; None without a positive.
    imbalance : float or None
        Training positives of the most frequent label over those of this one, IRLbl of Charte et
        al., "Addressing imbalance in multilabel classification" (2015); None without a positive.
    """

    label: str
    attribute: str
    value: str
    band: str
    positive: int
    negative: int
    unknown: int
    train_positive: int
    val_positive: int
    test_positive: int
    negatives_per_positive: float | None
    imbalance: float | None


@dataclass(frozen=True)
class AttributeCounts:
    """What is known of one attribute: `known` products, `positives` values in them."""

    attribute: str
    values: int
    exclusive: bool
    known: int
    unknown: int
    positives: int


@dataclass(frozen=True)
class Pair:
    """Two labels seen together.

    `lift` is how many times more often than if they were independent, over the products in which
    both are known.
    """

    a: str
    b: str
    together: int
    lift: float


@dataclass(frozen=True)
class ImageFindings:
    """What comparing the images found; products by their ids.

    Attributes
    ----------
    read : int
    broken : tuple of (id, reason)
    identical, similar : tuple of tuple of id
        Groups of products whose image is the same byte by byte, or looks the same in grey.
    leaks : tuple of dict
        Products of val and test that look like one of an earlier split: `product`, `split`,
        `other`, `other_split`, `distance`, `identical`.
    disagreements : tuple of dict
        Identical images with contradicting labels: `products`, `labels`.
    """

    read: int
    broken: tuple[tuple[str, str], ...]
    identical: tuple[tuple[str, ...], ...]
    similar: tuple[tuple[str, ...], ...]
    leaks: tuple[dict[str, Any], ...]
    disagreements: tuple[dict[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a catalogue holds. `to_dict` gives it as what JSON can hold.

    Attributes
    ----------
    catalog : Catalog
        With the splits as they would be used.
    bands : Bands
    min_positives : int
    given : dict of str to int
        Products by the split the file gives; `""` where it gives none.
    carved : bool
        Some product is in another split than the file gives it.
    labels : tuple of LabelCounts
    attributes : tuple of AttributeCounts
    together : ndarray of int64, shape (labels, labels)
        Products in which both labels are positive; on the diagonal, the label's positives.
    pairs : tuple of Pair
        Labels that go together beyond chance, highest lift first.
    spread_groups : tuple of str
        Groups that the file itself spreads over several splits.
    images : ImageFindings or None
        None where no image was compared.
    """

    catalog: Catalog
    bands: Bands
    min_positives: int
    given: dict[str, int]
    carved: bool
    labels: tuple[LabelCounts, ...]
    attributes: tuple[AttributeCounts, ...]
    together: npt.NDArray[np.int64]
    pairs: tuple[Pair, ...]
    spread_groups: tuple[str, ...]
    images: ImageFindings | None

    @property
    def splits(self) -> dict[str, int]:
        """Products by split, as they would be used."""
        return {split: int(self.catalog.in_split(split).sum()) for split in SPLITS}

    @property
    def mean_imbalance(self) -> float | None:
        """Mean of the labels' `imbalance`, MeanIR of Charte et al.; None without a positive."""
        ratios = [counts.imbalance for counts in self.labels if counts.imbalance is not None]
        return float(np.mean(ratios)) if ratios else None

    @property
    def too_rare_to_learn(self) -> tuple[str, ...]:
        """Labels with fewer than `min_positives` training positives."""
        return tuple(c.label for c in self.labels if c.train_positive < self.min_positives)

    @property
    def too_rare_to_tune(self) -> tuple[str, ...]:
        """Labels without a positive in val, whose threshold rests on other labels."""
        return tuple(c.label for c in self.labels if not c.val_positive)

    @property
    def too_rare_to_measure(self) -> tuple[str, ...]:
        """Labels without a positive in test."""
        return tuple(c.label for c in self.labels if not c.test_positive)

    def to_dict(self) -> dict[str, Any]:
        """Give the inspection as what JSON can hold."""
        catalog = self.catalog
        return {
            "catalog": None if catalog.source is None else str(catalog.source),
            "fingerprint": catalog.fingerprint,
            "products": len(catalog),
            "with_image": sum(image is not None for image in catalog.images),
            "with_text": sum(text is not None for text in catalog.texts),
            "splits": self.splits,
            "splits_given": self.given,
            "carved": self.carved,
            "bands": str(self.bands),
            "min_positives": self.min_positives,
            "mean_imbalance": self.mean_imbalance,
            "labels": [asdict(counts) for counts in self.labels],
            "attributes": [asdict(counts) for counts in self.attributes],
            "too_rare_to_learn": list(self.too_rare_to_learn),
            "too_rare_to_tune": list(self.too_rare_to_tune),
            "too_rare_to_measure": list(self.too_rare_to_measure),
            "pairs": [asdict(pair) for pair in self.pairs],
            "together": self.together.tolist(),
            "spread_groups": list(self.spread_groups),
            "images": None if self.images is None else asdict(self.images),
            "warnings": list(catalog.warnings),
            "skipped": [asdict(skip) for skip in catalog.skipped],
        }


def inspect_catalog(
    catalog: Catalog,
    *,
    bands: Bands | None = None,
    min_positives: int = MIN_POSITIVES,
    hashes: ImageHashes | None = None,
    seed: int = 0,
) -> Inspection:
    """Count, compare and judge what a catalogue holds.

    Parameters
    ----------
    catalog : Catalog
        Splits that it does not give are carved, as a fit with the same seed would.
    bands : Bands, optional
        Default: head from 100 training positives, medium from 20.
    min_positives : int
        Training positives below which a label is called too rare to learn.
    hashes : ImageHashes, optional
        From `leaks.image_hashes(catalog.images)`. Default: images are not compared.
    seed : int
        Of the carving.
    """
    bands = bands or Bands()
    given = {split: int((catalog.split == split).sum()) for split in (*SPLITS, "")}
    before, catalog = catalog.split, with_splits(catalog, seed)
    together, lift = co_occurrence(catalog.matrix)
    return Inspection(
        catalog=catalog,
        bands=bands,
        min_positives=min_positives,
        given={split: products for split, products in given.items() if products},
        carved=bool((catalog.split != before).any()),
        labels=_count_labels(catalog, bands),
        attributes=_count_attributes(catalog),
        together=together,
        pairs=_top_pairs(catalog, together, lift),
        spread_groups=_spread_groups(catalog),
        images=None if hashes is None else _compare_images(catalog, hashes),
    )


def co_occurrence(
    matrix: LabelMatrix,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Count how often labels go together.

    Parameters
    ----------
    matrix : ndarray of int8, shape (products, labels)

    Returns
    -------
    together : ndarray of int64, shape (labels, labels)
        Products in which both are positive.
    lift : ndarray of float64, shape (labels, labels)
        P(a and b) / (P(a) P(b)) over the products in which both are known; NaN where either is
        never positive there.
    """
    # float32 counts are exact up to 2**24 products; float64 goes beyond.
    number = np.float32 if len(matrix) < 2**24 else np.float64
    positive = (matrix == POSITIVE).astype(number)
    known = (matrix != UNKNOWN).astype(number)
    together = positive.T @ positive
    both_known = (known.T @ known).astype(np.float64)
    a_where_b_known = (positive.T @ known).astype(np.float64)
    chance = a_where_b_known * a_where_b_known.T
    lift = np.full(together.shape, np.nan)
    np.divide(together * both_known, chance, out=lift, where=chance > 0)
    return together.astype(np.int64), lift


def _count_labels(catalog: Catalog, bands: Bands) -> tuple[LabelCounts, ...]:
    every = catalog.statistics()
    train, val, test = (catalog.statistics(split).positive for split in (TRAIN, VAL, TEST))
    band = bands.assign(train)
    most = int(train.max(initial=0))
    return tuple(
        LabelCounts(
            label=label,
            attribute=attribute_of(label),
            value=value_of(label),
            band=str(band[i]),
            positive=int(every.positive[i]),
            negative=int(every.negative[i]),
            unknown=int(every.unknown[i]),
            train_positive=int(train[i]),
            val_positive=int(val[i]),
            test_positive=int(test[i]),
            negatives_per_positive=_ratio(every.negative[i], every.positive[i]),
            imbalance=_ratio(most, train[i]),
        )
        for i, label in enumerate(catalog.space.labels)
    )


def _ratio(a: float, b: float) -> float | None:
    return float(a / b) if b else None


def _count_attributes(catalog: Catalog) -> tuple[AttributeCounts, ...]:
    counts = []
    for attribute, columns in catalog.space.groups.items():
        cells = catalog.matrix[:, columns]
        known = int((cells != UNKNOWN).any(axis=1).sum())
        counts.append(
            AttributeCounts(
                attribute=attribute,
                values=len(columns),
                exclusive=attribute in catalog.space.exclusive,
                known=known,
                unknown=len(catalog) - known,
                positives=int((cells == POSITIVE).sum()),
            )
        )
    return tuple(counts)


def _top_pairs(
    catalog: Catalog, together: npt.NDArray[np.int64], lift: npt.NDArray[np.float64]
) -> tuple[Pair, ...]:
    labels = catalog.space.labels
    notable = np.triu((together >= MIN_TOGETHER) & (lift > 1.0), k=1)
    a, b = np.nonzero(notable)
    order = np.lexsort((-together[a, b], -lift[a, b]))[:TOP_PAIRS]
    return tuple(
        Pair(labels[a[i]], labels[b[i]], int(together[a[i], b[i]]), float(lift[a[i], b[i]]))
        for i in order
    )


def _spread_groups(catalog: Catalog) -> tuple[str, ...]:
    grouped = catalog.group != ""
    pairs = np.unique(np.stack([catalog.group[grouped], catalog.split[grouped]]), axis=1)
    names, splits = np.unique(pairs[0], return_counts=True)
    return tuple(names[splits > 1].tolist())


def _compare_images(catalog: Catalog, hashes: ImageHashes) -> ImageFindings:
    ids, labels = catalog.ids, catalog.space.labels
    identical = find_identical(hashes)

    def named(groups: Sequence[tuple[int, ...]]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(ids[i] for i in group) for group in groups)

    def told(leak: Leak) -> dict[str, Any]:
        return {
            "product": ids[leak.product],
            "split": str(catalog.split[leak.product]),
            "other": ids[leak.other],
            "other_split": str(catalog.split[leak.other]),
            "distance": leak.distance,
            "identical": leak.identical,
        }

    return ImageFindings(
        read=int(hashes.readable.sum()),
        broken=tuple((ids[i], reason) for i, reason in hashes.broken),
        identical=named(identical),
        similar=named(find_similar(hashes)),
        leaks=tuple(told(leak) for leak in find_leaks(hashes, catalog.split)),
        disagreements=tuple(
            {"products": [ids[i] for i in group], "labels": [labels[c] for c in columns]}
            for group, columns in find_disagreements(identical, catalog.matrix)
        ),
    )
