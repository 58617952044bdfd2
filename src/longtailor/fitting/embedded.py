"""A catalogue whose products are embedded and split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from longtailor.catalog import IMAGE, MODALITIES, TEXT, TRAIN, Catalog, Skip
from longtailor.catalog.splits import with_splits
from longtailor.classifiers import Block
from longtailor.encoders import (
    AnyEncoder,
    EmbeddingCache,
    embed_inputs,
    load_encoder,
    load_text_encoder,
)
from longtailor.errors import CatalogError, UsageError
from longtailor.fitting.options import BOTH, INPUTS, FitOptions
from longtailor.fitting.stopwatch import Stopwatch
from longtailor.progress import track

_A = {IMAGE: "an image", TEXT: "a text"}


@dataclass(eq=False)
class Embedded:
    """A catalogue ready to be fitted.

    Attributes
    ----------
    catalog : Catalog
        Every product in a split, with an image that can be decoded or a text; labels too rare
        left out.
    embeddings : ndarray of float32, shape (products, dim)
        The encoders' embeddings side by side; NaN in a block that a product does not have.
    encoders : dict of str to (Encoder or TextEncoder)
        By modality, `"image"` before `"text"`.
    dropped : dict of str to int
        Labels left out for having too few training positives -> how many they have.
    """

    catalog: Catalog
    embeddings: npt.NDArray[np.float32]
    encoders: dict[str, AnyEncoder]
    dropped: dict[str, int]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What the embeddings consist of.

        The square root tames features that are nearly all positive, as those of networks of
        photos are. Those of texts are spread around 0, and the root costs precision (measured on
        tweet_emotions, see docs/text.md).
        """
        return tuple(
            Block(dim, root=modality == IMAGE)
            for modality, encoder in self.encoders.items()
            for dim in encoder.dims
        )

    def described_encoders(self) -> dict[str, dict[str, Any]]:
        """Describe the encoders as JSON values, by modality."""
        return {
            modality: {**encoder.to_dict(), "backend": encoder.backend.name}
            for modality, encoder in self.encoders.items()
        }

    def has(self, modality: str) -> npt.NDArray[np.bool_]:
        """Give the mask of the products that have an embedding of a modality."""
        return ~np.isnan(self.only(modality).embeddings[:, 0])

    def only(self, modality: str) -> Embedded:
        """Give the same products with the embeddings of one modality, NaN where there is none."""
        start = 0
        for name, encoder in self.encoders.items():
            if name == modality:
                embeddings = self.embeddings[:, start : start + encoder.dim]
                return replace(self, embeddings=embeddings, encoders={name: encoder})
            start += encoder.dim
        raise KeyError(modality)

    def of(self, split: str) -> npt.NDArray[np.float32]:
        """Give the embeddings of a split."""
        return self.embeddings[self.catalog.in_split(split)]


def embed_catalog(
    catalog: Catalog, options: FitOptions, stopwatch: Stopwatch | None = None
) -> Embedded:
    """Embed the products, carve missing splits, and leave out labels too rare to learn.

    Raises
    ------
    CatalogError
        If no product has a usable image or text, or no label has enough training positives.
    """
    data = embed_products(catalog, options, stopwatch)
    return drop_rare(data, data.catalog.statistics(TRAIN).positive, options.min_positives)


def embed_products(
    catalog: Catalog, options: FitOptions, stopwatch: Stopwatch | None = None
) -> Embedded:
    """Embed the products and carve missing splits; no label is left out.

    Raises
    ------
    CatalogError
        If no product has a usable image or text.
    """
    watch = stopwatch or Stopwatch()
    modalities = _modalities(catalog, options.inputs)
    if options.finetune is not None and len(modalities) > 1:
        raise UsageError(
            "fine-tuning learns from images or from texts: add --inputs image or --inputs text"
        )
    if options.finetune is not None and modalities == (TEXT,):
        options.finetune.check_texts()
    if options.finetune is not None and "," in options.encoder:
        raise UsageError(
            f"fine-tuning trains one encoder, and --encoder {options.encoder} names several"
        )
    image_size = None if options.finetune is None else options.finetune.image_size
    with watch.stage("load encoder"):
        encoders: dict[str, AnyEncoder] = {
            modality: load_encoder(options.encoder, image_size=image_size)
            if modality == IMAGE
            else load_text_encoder(options.text_encoder)
            for modality in modalities
        }
    steps = len(catalog) * len(encoders)
    with watch.stage("embed"), track("Embedding", steps) as advance, EmbeddingCache() as cache:
        embedded = embed_inputs(
            catalog.images, catalog.texts, encoders, cache=cache, advance=advance
        )
    skips = tuple(
        Skip(int(catalog.rows[at]), catalog.ids[at], reason) for at, reason in embedded.failures
    )
    if skips and options.strict:
        first = skips[0]
        raise CatalogError(
            f"{catalog.source}, row {first.row}: {first.what}: {first.reason} (strict)"
        )
    usable = embedded.usable
    if not usable.any():
        raise CatalogError(
            f"{catalog.source}: no {' and no '.join(modalities)} can be used; the first: "
            f"{skips[0].reason}"
        )
    with watch.stage("split"):
        split = with_splits(catalog.take(usable), options.seed)
    split = replace(split, skipped=(*catalog.skipped, *skips))
    return Embedded(split, embedded.values[usable], encoders, {})


def _modalities(catalog: Catalog, inputs: str | None) -> tuple[str, ...]:
    """Give what is to be learned from, in the order of `MODALITIES`."""
    if inputs is not None and inputs not in INPUTS:
        raise UsageError(f"--inputs {inputs}: use {', '.join(INPUTS)}")
    wanted = catalog.modalities if inputs is None else MODALITIES if inputs == BOTH else (inputs,)
    lacking = [modality for modality in wanted if modality not in catalog.modalities]
    if lacking:
        raise CatalogError(f"{catalog.source}: no product has {_A[lacking[0]]} (--inputs {inputs})")
    return wanted


def drop_rare(data: Embedded, positives: npt.NDArray[np.int64], min_positives: int) -> Embedded:
    """Leave out the labels with fewer than `min_positives` of the positives given, or none.

    Raises
    ------
    CatalogError
        If that is all labels.
    """
    least = max(min_positives, 1)
    learned = positives >= least
    if not learned.any():
        raise CatalogError(
            f"{data.catalog.source}: no label has {least} training positives or more; the most "
            f"frequent has {positives.max(initial=0)} (--min-positives)"
        )
    dropped = {
        label: int(count)
        for label, count, enough in zip(data.catalog.space.labels, positives, learned, strict=True)
        if not enough
    }
    return replace(data, catalog=data.catalog.take_labels(learned), dropped=dropped)
