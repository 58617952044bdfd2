from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from longtailor.encoders.encoder import Encoder, Weights


def test_the_fingerprint_is_of_name_weights_and_preprocessing(
    make_encoder: Callable[..., Encoder],
) -> None:
    encoder = make_encoder()
    others = [
        make_encoder("other"),
        make_encoder(image_size=17),
        dataclasses.replace(encoder, weights=Weights("1" * 64)),
        dataclasses.replace(
            encoder, preprocessing=dataclasses.replace(encoder.preprocessing, std=(0.5, 0.5, 0.6))
        ),
    ]
    assert len({encoder.fingerprint, *(other.fingerprint for other in others)}) == 5
    moved = dataclasses.replace(encoder, weights=Weights("0" * 64, "/elsewhere"))
    assert moved.fingerprint == make_encoder().fingerprint == encoder.fingerprint


def test_the_fingerprint_is_stable_from_release_to_release(encoder: Encoder) -> None:
    # A detector saved today must load with tomorrow's code.
    assert encoder.fingerprint == "9943739f0ee91e86"


def test_backends_share_the_fingerprint_and_not_the_cache(encoder: Encoder) -> None:
    class Other:
        name = "other"

        def __call__(self, batch: object) -> None: ...

    other = dataclasses.replace(encoder, backend=Other())  # type: ignore[arg-type]
    assert other.fingerprint == encoder.fingerprint
    assert other.cache_key != encoder.cache_key


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((2, 16, 16, 3), np.float32),
        np.zeros((2, 3, 16, 16), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
    ],
)
def test_other_shapes_and_types_are_refused(encoder: Encoder, batch: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 of shape \(B, 16, 16, 3\)"):
        encoder.encode(batch)


def test_no_photos_give_no_embeddings(encoder: Encoder) -> None:
    assert encoder.encode(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 6)
