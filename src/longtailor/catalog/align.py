"""A catalogue's labels in the order of another label space."""

from __future__ import annotations

import numpy as np

from longtailor.catalog.catalog import Catalog
from longtailor.labels import UNKNOWN, LabelMatrix, LabelSpace, attribute_of


def align(catalog: Catalog, space: LabelSpace) -> tuple[LabelMatrix, list[str]]:
    """Lay the cells of a catalogue out in the columns of a label space.

    A label that the catalogue never mentions is negative in the products whose attribute is known,
    and unknown in all others.

    Parameters
    ----------
    catalog : Catalog
    space : LabelSpace
        The labels wanted, such as a detector's.

    Returns
    -------
    matrix : ndarray of int8, shape (products, len(space))
    left_out : list of str
        Labels of the catalogue that the space does not have.
    """
    matrix = np.full((len(catalog), len(space)), UNKNOWN, dtype=np.int8)
    column_of = {label: column for column, label in enumerate(catalog.space.labels)}
    for column, label in enumerate(space.labels):
        own = catalog.space.groups.get(attribute_of(label))
        if label in column_of:
            matrix[:, column] = catalog.matrix[:, column_of[label]]
        elif own is not None:
            known = (catalog.matrix[:, own] != UNKNOWN).all(axis=1)
            matrix[known, column] = 0
    wanted = set(space.labels)
    return matrix, [label for label in catalog.space.labels if label not in wanted]
