"""Fine-tune the encoder of a catalogue's images, from the solution of the frozen classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.torch import save_file

from longtailor.catalog import TEST, TRAIN, VAL, Catalog
from longtailor.classifiers import LinearClassifier
from longtailor.encoders import Encoder, load_encoder
from longtailor.encoders.networks import build_network
from longtailor.files import replacing
from longtailor.objectives import Objective, build, parse
from longtailor.training.deep.augmentation import choose_augmentation
from longtailor.training.deep.options import FineTuning
from longtailor.training.deep.pixels import SharedPhotos
from longtailor.training.deep.sampling import repeat_factors, sampled_statistics
from longtailor.training.deep.train import Task, fine_tune
from longtailor.training.search import Fit

WEIGHTS = "encoder.safetensors"


@dataclass(frozen=True, eq=False)
class Tuned:
    """An encoder and a classifier that were trained end to end.

    Attributes
    ----------
    encoder : Encoder
    weights : Path
        Its safetensors file.
    classifier : LinearClassifier
    objective : Objective
        As it was built for the products that were shown.
    curves : dict
        See `longtailor.training.deep.train.Outcome`; and `notes` on how it was trained.
    """

    encoder: Encoder
    weights: Path
    classifier: LinearClassifier
    objective: Objective
    curves: dict[str, Any]


def tune_images(
    catalog: Catalog,
    encoder: Encoder,
    fit: Fit,
    bands: npt.NDArray[np.str_],
    options: FineTuning,
    folder: Path,
    *,
    seed: int = 0,
    resume: bool = False,
    begun: float | None = None,
    shared: SharedPhotos | None = None,
) -> Tuned:
    """Fine-tune an encoder on the train products of a catalogue.

    Parameters
    ----------
    catalog : Catalog
        Every product in a split, with an image.
    encoder : Encoder
        Its network is trained; it is not changed itself.
    fit : Fit
        The classifier that was fitted on its embeddings, to start from, and its objective.
    bands : ndarray of str, shape (labels,)
    options : FineTuning
    folder : Path
        Where pixels, checkpoints and logs go. The weights are kept there.
    seed, resume, begun
        See `longtailor.training.deep.train.fine_tune`.
    shared : SharedPhotos, optional
        Where other trainings use the same photos.
    """
    train, val = catalog.in_split(TRAIN), catalog.in_split(VAL)
    matrix = catalog.matrix[train]
    augmentation = choose_augmentation(options.augment, catalog.space)
    source = encoder.weights.path
    network, _, _ = build_network(
        encoder.name,
        weights=Path(source) if source else None,
        image_size=encoder.image_size,
    )
    assert isinstance(fit.classifier, LinearClassifier)
    name, parameters = parse(fit.specification)
    objective = build(
        name,
        statistics=sampled_statistics(matrix, repeat_factors(matrix, options.repeat_below)),
        **({"groups": fit.competing} if fit.competing else {}),
        **parameters,
    )
    outcome = fine_tune(
        Task(
            network,
            encoder.preprocessing,
            fit.classifier,
            objective,
            [path for path, inside in zip(catalog.images, train, strict=True) if inside and path],
            [path for path, inside in zip(catalog.images, val, strict=True) if inside and path],
            matrix,
            catalog.matrix[val],
            [one for one, inside in zip(catalog.ids, train, strict=True) if inside],
            bands,
            fit.competing,
            augmentation,
            shared,
        ),
        options,
        folder,
        seed=seed,
        resume=resume,
        begun=begun,
        photos_after=int(val.sum() + catalog.in_split(TEST).sum()),
    )
    weights = folder / WEIGHTS
    with replacing(weights) as temporary:
        save_file(outcome.encoder, temporary)
    tuned = load_encoder(
        encoder.name,
        weights=weights,
        preprocessing=replace(encoder.preprocessing, mirrored=augmentation.flips),
        backend=encoder.backend.name,
    )
    # The weights of classes that were in force when the weights of the network were kept.
    objective.set_epoch(outcome.curves["best_epoch"] - 1)
    notes = {"augmentation": list(augmentation.changes), "left_out": list(augmentation.reasons)}
    return Tuned(tuned, weights, outcome.classifier, objective.eval(), {**outcome.curves, **notes})
