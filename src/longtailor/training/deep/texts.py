"""Fine-tune the encoder of a catalogue's texts."""

from __future__ import annotations

from longtailor.catalog import TRAIN, VAL
from longtailor.encoders import TextEncoder, load_text_encoder
from longtailor.encoders.text_networks import build_text_network
from longtailor.training.deep.text_network import TrainedTextNetwork
from longtailor.training.deep.tokens import LearnedTexts
from longtailor.training.deep.tune import Setting, Tuned


def tune_texts(setting: Setting, encoder: TextEncoder) -> Tuned:
    """Fine-tune an encoder on the train products of a catalogue.

    Parameters
    ----------
    setting : Setting
    encoder : TextEncoder
        Its network is trained; it is not changed itself.
    """
    catalog = setting.catalog
    network, _, _, _ = build_text_network(encoder.name, weights=encoder.weights.file)
    train, val = (encoder.tokenizer(setting.of(split, catalog.texts)) for split in (TRAIN, VAL))
    learned = LearnedTexts(
        train,
        val,
        catalog.matrix[catalog.in_split(TRAIN)],
        catalog.matrix[catalog.in_split(VAL)],
        getattr(network.config, "pad_token_id", None) or 0,
    )
    outcome, objective, weights = setting.tune(
        TrainedTextNetwork(network, setting.classifier), learned
    )
    tuned = load_text_encoder(encoder.name, weights=weights, backend=encoder.backend.name)
    return Tuned(tuned, weights, outcome.classifier, objective, {**outcome.curves, "left_out": []})
