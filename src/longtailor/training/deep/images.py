"""Fine-tune the encoder of a catalogue's images."""

from __future__ import annotations

from dataclasses import replace

from longtailor.catalog import TRAIN, VAL
from longtailor.encoders import Encoder, load_encoder
from longtailor.encoders.networks import build_network
from longtailor.training.deep.augmentation import choose_augmentation
from longtailor.training.deep.photo_network import TrainedPhotoNetwork
from longtailor.training.deep.photos import LearnedPhotos
from longtailor.training.deep.pixels import DecodedPhotos, SharedPhotos
from longtailor.training.deep.tune import Setting, Tuned


def tune_images(setting: Setting, encoder: Encoder, shared: SharedPhotos | None = None) -> Tuned:
    """Fine-tune an encoder on the train products of a catalogue.

    Parameters
    ----------
    setting : Setting
    encoder : Encoder
        Its network is trained; it is not changed itself.
    shared : SharedPhotos, optional
        Where other trainings use the same photos.
    """
    catalog = setting.catalog
    augmentation = choose_augmentation(setting.options.augment, catalog.space)
    network, _, _ = build_network(
        encoder.name, weights=encoder.weights.file, image_size=encoder.image_size
    )
    train, val = (setting.of(split, catalog.images) for split in (TRAIN, VAL))
    learned = LearnedPhotos(
        train,
        val,
        catalog.matrix[catalog.in_split(TRAIN)],
        catalog.matrix[catalog.in_split(VAL)],
        encoder.preprocessing,
        augmentation,
        shared
        or SharedPhotos(
            DecodedPhotos(setting.folder, "train", train), DecodedPhotos(setting.folder, "val", val)
        ),
    )
    outcome, objective, weights = setting.tune(
        TrainedPhotoNetwork(
            network, setting.classifier, encoder.preprocessing, mirrored=augmentation.flips
        ),
        learned,
    )
    tuned = load_encoder(
        encoder.name,
        weights=weights,
        preprocessing=replace(encoder.preprocessing, mirrored=augmentation.flips),
        backend=encoder.backend.name,
    )
    notes = {"augmentation": list(augmentation.changes), "left_out": list(augmentation.reasons)}
    return Tuned(tuned, weights, outcome.classifier, objective, {**outcome.curves, **notes})
