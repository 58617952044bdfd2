"""A hash of what a catalogue says, the same whatever format says it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from longtailor.labels import LabelMatrix


def fingerprint(
    *,
    ids: Sequence[str],
    images: Sequence[str],
    texts: Sequence[str],
    labels: Sequence[str],
    matrix: LabelMatrix,
    split: npt.NDArray[np.str_],
    group: npt.NDArray[np.str_],
) -> str:
    """Hash products, in their order, and labels, in any order.

    Parameters
    ----------
    ids, images, texts : sequence of str, length products
        Images as paths relative to the images folder; `""` where there is none.
    labels : sequence of str
    matrix : ndarray of int8, shape (products, labels)
    split, group : ndarray of str, shape (products,)

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    order = np.argsort(np.array(labels))
    digest = hashlib.sha256()
    for texts_ in (ids, images, texts, [labels[i] for i in order], split.tolist(), group.tolist()):
        digest.update(json.dumps(list(texts_)).encode())
    digest.update(np.ascontiguousarray(matrix[:, order]).data)
    return digest.hexdigest()
