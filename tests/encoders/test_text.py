from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from longtailor.encoders import EmbeddingCache, TextEncoder, embed_texts
from longtailor.encoders.encoder import Weights
from longtailor.encoders.text import BATCH_SIZE
from longtailor.encoders.text_backends import build_text_backend
from longtailor.errors import LongtailorError

WORDS = 50


class Words:
    """A number for each word."""

    fingerprint = "words"

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        return [[1, *(sum(word.encode()) % WORDS for word in text.split())] for text in texts]


class Network(nn.Module):
    """Two layers whose hidden states depend on all tokens of a text."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(WORDS, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, input_ids: torch.Tensor) -> object:
        from types import SimpleNamespace

        return SimpleNamespace(last_hidden_state=self.layer(self.words(input_ids)))


class Counting:
    name = "counting"

    def __init__(self) -> None:
        self.inner = build_text_backend("torch", Network().eval())
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batches):
        self.shapes += [batch.shape for batch in batches]
        return self.inner(batches)


@pytest.fixture
def encoder() -> TextEncoder:
    return TextEncoder("words", 8, 256, Weights("0" * 64), Words(), Counting())


TEXTS = ["a b c", "a", "long " * 30, "b a", "c d e", "a b"]


def test_an_embedding_is_the_mean_of_the_hidden_states(encoder: TextEncoder) -> None:
    network = Network().eval()
    with torch.no_grad():
        wanted = [
            network(torch.tensor(Words()([text]))).last_hidden_state[0].mean(dim=0).numpy()
            for text in TEXTS
        ]
    np.testing.assert_allclose(encoder.encode(TEXTS), wanted, atol=1e-6)
    assert encoder.encode([]).shape == (0, 8)


def test_texts_of_one_length_go_together_and_none_is_padded(encoder: TextEncoder) -> None:
    encoder.encode(TEXTS + ["x y"] * BATCH_SIZE)
    lengths = [shape[1] for shape in encoder.backend.shapes]
    assert lengths == sorted(lengths, reverse=True)
    assert set(lengths) == {31, 4, 3, 2}
    assert max(shape[0] for shape in encoder.backend.shapes) == BATCH_SIZE


def test_each_text_is_embedded_once_and_kept(encoder: TextEncoder, tmp_path) -> None:
    steps: list[int] = []
    with EmbeddingCache(tmp_path) as cache:
        first = embed_texts([*TEXTS, "a", None, " \t"], encoder, cache=cache, advance=steps.append)
        seen = sum(shape[0] for shape in encoder.backend.shapes)
        again = embed_texts([*TEXTS, "new"], encoder, cache=cache)
        assert [held.embeddings for held in cache.encoders()] == [len(TEXTS) + 1]
    assert seen == len(TEXTS)
    assert sum(shape[0] for shape in encoder.backend.shapes) == seen + 1
    np.testing.assert_array_equal(first[:6], again[:6])
    np.testing.assert_array_equal(first[1], first[6])
    assert np.isnan(first[7:]).all()
    assert sum(steps) == 9


def test_numbers_that_are_none_name_the_text(encoder: TextEncoder) -> None:
    broken = lambda batches: [np.full((len(b), 8), np.nan, np.float32) for b in batches]  # noqa: E731
    object.__setattr__(encoder, "backend", broken)
    with pytest.raises(LongtailorError, match="NaN or infinite numbers for the text 'a b c'"):
        embed_texts(["a b c"], encoder, cache=None)


def test_the_fingerprint_tells_encoders_apart(encoder: TextEncoder) -> None:
    def made(**changed):
        parts = {
            "name": "words",
            "dim": 8,
            "max_length": 256,
            "weights": Weights("0" * 64),
            "tokenizer": encoder.tokenizer,
            "backend": encoder.backend,
            **changed,
        }
        return TextEncoder(**parts).fingerprint

    assert made() == encoder.fingerprint
    others = {made(name="other"), made(max_length=128), made(weights=Weights("1" * 64))}
    assert len(others | {encoder.fingerprint}) == 4
