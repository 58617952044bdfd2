"""Likely label errors of a catalogue: what classifiers that did not see a product dispute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from longtailor.catalog import Catalog
from longtailor.evaluation.label_errors import NONE, Disputes, find_disputes
from longtailor.fitting import Embedded, FitOptions, embed_products
from longtailor.labels import POSITIVE, attribute_of
from longtailor.progress import track
from longtailor.training.auto import fit_auto

FEWEST = 2
"""Positives that a label needs to be judged: with one, none is left where it is left out."""


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Likely label errors, the most doubtful first.

    Attributes
    ----------
    catalog : Catalog
        The products that could be judged.
    disputes : Disputes
        Positions in `catalog` and columns of its label space.
    not_judged : tuple of str
        Labels with too few positives.
    """

    catalog: Catalog
    disputes: Disputes
    not_judged: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Disputes by attribute, in the order of the label space."""
        found = Counter(row["attribute"] for row in self.rows())
        return {name: found[name] for name in self.catalog.space.attributes if found[name]}

    def rows(self) -> list[dict[str, Any]]:
        """Give one object a dispute: `id`, `image`, `attribute`, `given`, `suggested`, `doubt`.

        `given` is None where a label is lacking, `suggested` where one is too many.
        """
        labels, images = self.catalog.space.labels, self.catalog.images
        told = []
        for product, given, suggested, doubt in zip(
            self.disputes.products.tolist(),
            self.disputes.given.tolist(),
            self.disputes.suggested.tolist(),
            self.disputes.doubt.tolist(),
            strict=True,
        ):
            image = images[product]
            told.append(
                {
                    "id": self.catalog.ids[product],
                    "image": None if image is None else str(image),
                    "attribute": attribute_of(labels[given if given != NONE else suggested]),
                    "given": None if given == NONE else labels[given],
                    "suggested": None if suggested == NONE else labels[suggested],
                    "doubt": doubt,
                }
            )
        return told

    def to_dict(self) -> dict[str, Any]:
        """Give them as what JSON can hold."""
        return {
            "products": len(self.catalog),
            "by_attribute": self.counts,
            "not_judged": list(self.not_judged),
            "disputed": self.rows(),
        }


def find_label_errors(catalog: Catalog, options: FitOptions | None = None) -> LabelErrors:
    """Find the labels of a catalogue that the default recipe disputes when it left them out.

    Parameters
    ----------
    catalog : Catalog
        All its products are judged, whatever their split.
    options : FitOptions, optional
        Its encoders and its seed.

    Raises
    ------
    LongtailorError
        If no product can be used, or no label has enough positives.
    """
    data = embed_products(catalog, options or FitOptions())
    return dispute_embedded(data)


def dispute_embedded(data: Embedded) -> LabelErrors:
    """Find likely label errors among products that are embedded already."""
    catalog = data.catalog
    enough = (catalog.matrix == POSITIVE).sum(axis=0) >= FEWEST
    judged = catalog.take_labels(enough)
    columns = np.flatnonzero(enough)
    with track("Fitting, products left out", None) as advance:
        fitted = fit_auto(
            torch.from_numpy(np.ascontiguousarray(data.embeddings)),
            judged.matrix,
            judged.space,
            judged.group,
            data.blocks,
            advance,
        )
    # An attribute that lost a rare value still has one value a product, where that is not the one.
    place = np.cumsum(enough) - 1
    exclusive = [
        place[at[enough[at]]]
        for at in (catalog.space.groups[name] for name in sorted(catalog.space.exclusive))
        if enough[at].any()
    ]
    found = find_disputes(expit(fitted.held_out), judged.matrix, exclusive)
    wide = np.append(columns, NONE)
    disputes = Disputes(found.products, wide[found.given], wide[found.suggested], found.doubt)
    rare = tuple(
        label for label, judge in zip(catalog.space.labels, enough, strict=True) if not judge
    )
    return LabelErrors(catalog, disputes, rare)
