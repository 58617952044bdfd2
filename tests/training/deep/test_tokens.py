from __future__ import annotations

import numpy as np

from longtailor.training.deep.tokens import LearnedTexts

TEXTS = [[2, 5, 3], [2, 6, 7, 8, 3], [2, 3]]
MATRIX = np.array([[1, 0], [0, -1], [1, 1]], np.int8)


def learned() -> LearnedTexts:
    return LearnedTexts(TEXTS, TEXTS[:2], MATRIX, MATRIX[:2], padding=9)


def test_a_batch_is_as_long_as_its_longest_text():
    (tokens, mask), targets, products = learned().training(0).__getitems__([(0, 0, 2), (0, 1, 0)])
    assert tokens.tolist() == [[2, 3, 9], [2, 5, 3]]
    assert mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert targets.tolist() == [[1, 1], [1, 0]]
    assert products.tolist() == [2, 0]
    (tokens, _), targets, _ = learned().validation().__getitems__([1])
    assert tokens.tolist() == [TEXTS[1]]
    assert targets.tolist() == [[0, -1]]


def test_texts_of_about_one_length_are_measured_together():
    assert learned().measured_in == [1, 0]
    assert learned().lengths == [3, 5, 2]
