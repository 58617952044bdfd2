"""A catalogue's products with the decisions of reviewers laid over them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from longtailor.catalog import TEST, TRAIN, VAL, Skip
from longtailor.catalog.annotations import Annotations, changes, lay_over
from longtailor.encoders import EmbeddingCache, embed_inputs
from longtailor.errors import CatalogError
from longtailor.fitting.embedded import Embedded
from longtailor.fitting.options import FitOptions
from longtailor.labels import LabelMatrix, find_exclusive
from longtailor.progress import track


@dataclass(frozen=True, eq=False)
class Laid:
    """A catalogue's embedded products with decisions laid over them.

    Attributes
    ----------
    annotations : Annotations
    data : Embedded
        To be fitted: the products of the catalogue, then those that joined, all in train.
    before : LabelMatrix
        What was known of the same products and labels without the decisions.
    set_aside : dict of str to int
        By split: products whose decisions were not taken.
    test : LabelMatrix
        The test products with the decisions on them.
    joined : int
        Products that the catalogue did not have.
    """

    annotations: Annotations
    data: Embedded
    before: LabelMatrix
    set_aside: dict[str, int]
    test: LabelMatrix
    joined: int

    def changed(self) -> dict[tuple[int, int], npt.NDArray[np.int64]]:
        """Count the cells that became another, as `catalog.annotations.changes` does."""
        return changes(self.before, self.data.catalog.matrix)


def lay_decisions(data: Embedded, annotations: Annotations, *, promise: bool = False) -> Laid:
    """Give products the labels that were decided.

    Those of test keep theirs. Reviewers see what a detector scored high or doubtful, so that what
    they decide is no fair sample: figures on it would flatter or blame, and could not be compared
    with those before. Where thresholds are to promise a precision, val keeps its labels too.
    Products that join do so in train.

    Parameters
    ----------
    data : Embedded
        Every product in a split; no label left out yet.
    annotations : Annotations
        Laid over `data.catalog`.
    promise : bool
        Whether thresholds are to promise a precision.
    """
    catalog = data.catalog
    aside = {split: catalog.in_split(split) for split in ((TEST, VAL) if promise else (TEST,))}
    kept = np.any(list(aside.values()), axis=0)
    matrix = np.where(kept[:, None], catalog.matrix, annotations.matrix)
    test = annotations.matrix[catalog.in_split(TEST)]
    laid = replace(
        catalog,
        matrix=matrix,
        skipped=(*catalog.skipped, *annotations.skipped),
        warnings=(*catalog.warnings, *annotations.warnings),
    )
    embeddings, before, joined = data.embeddings, catalog.matrix, 0
    if annotations.joining is not None:
        more = annotations.joining
        steps = len(more) * len(data.encoders)
        with track("Embedding what joins", steps) as advance, EmbeddingCache() as cache:
            embedded = embed_inputs(
                more.images, more.texts, data.encoders, cache=cache, advance=advance
            )
        name = annotations.path.name
        skips = [
            Skip(int(more.rows[at]), f"{name}: {more.ids[at]}", reason)
            for at, reason in embedded.failures
        ]
        more = more.take(embedded.usable)
        joined = len(more)
        laid = replace(
            laid,
            ids=laid.ids + more.ids,
            images=laid.images + more.images,
            texts=laid.texts + more.texts,
            matrix=np.concatenate([matrix, more.matrix]),
            split=np.concatenate([catalog.split, np.full(joined, TRAIN)]),
            group=np.concatenate([catalog.group, more.group]),
            rows=np.concatenate([catalog.rows, more.rows]),
            skipped=(*laid.skipped, *skips),
        )
        embeddings = np.concatenate([embeddings, embedded.values[embedded.usable]])
        before = np.concatenate([before, np.full_like(more.matrix, -1)])
    labels = laid.space.labels
    space = replace(laid.space, exclusive=find_exclusive(labels, laid.matrix))
    return Laid(
        annotations,
        replace(data, catalog=replace(laid, space=space), embeddings=embeddings),
        before,
        {split: int((annotations.decided & inside).sum()) for split, inside in aside.items()},
        test,
        joined,
    )


def lay_file(data: Embedded, path: str | os.PathLike[str], options: FitOptions) -> Laid:
    """Give products the labels that a file of decisions says.

    Parameters
    ----------
    data : Embedded
        Every product in a split; no label left out yet.
    path : path
        See `longtailor.catalog.annotations.lay_over`.
    options : FitOptions

    Raises
    ------
    CatalogError
        If the file cannot be read as decisions, or, where the options are strict, if a row of it
        cannot be used.
    """
    laid = lay_decisions(data, lay_over(data.catalog, path), promise=options.precision is not None)
    skips = laid.data.catalog.skipped[len(data.catalog.skipped) :]
    if skips and options.strict:
        raise CatalogError(
            f"{path}, row {skips[0].row}: {skips[0].what}: {skips[0].reason} (strict)"
        )
    return laid
