"""Batches of texts, cut into tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from longtailor.encoders.text import Tokens
from longtailor.labels import LabelMatrix
from longtailor.training.deep.data import Batch, Key


class TokenBatches:
    """Tokens (B, length), padded to the longest text of a batch, and 1 where they are not padding.

    Parameters
    ----------
    tokens : sequence of list of int, one a product
    matrix : ndarray of int8, shape (products, labels)
    padding : int
        The token to fill up with.
    """

    def __init__(self, tokens: Sequence[Tokens], matrix: LabelMatrix, padding: int) -> None:
        self.tokens = [np.array(one, np.int32) for one in tokens]
        self.matrix = matrix
        self.padding = padding

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, products: list[int]) -> Batch:
        """Give the batch of some products."""
        longest = max(len(self.tokens[product]) for product in products)
        ids = torch.full((len(products), longest), self.padding, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, product in enumerate(products):
            length = len(self.tokens[product])
            ids[row, :length] = torch.from_numpy(self.tokens[product])
            mask[row, :length] = 1
        targets: Tensor = torch.from_numpy(self.matrix[products].astype(np.float32))
        return (ids, mask), targets, torch.tensor(products)


class TrainingTexts(TokenBatches, Dataset[Batch]):
    """Texts by their keys."""

    def __getitems__(self, keys: list[Key]) -> Batch:
        """Give a batch."""
        return self.batch([product for _, _, product in keys])


class ValidationTexts(TokenBatches, Dataset[Batch]):
    """Texts by their products."""

    def __getitems__(self, products: list[int]) -> Batch:
        """Give a batch."""
        return self.batch(products)


@dataclass(frozen=True, eq=False)
class LearnedTexts:
    """Products that are learned from their texts. See `longtailor.training.deep.data.Learned`.

    Attributes
    ----------
    train, val : sequence of list of int
        Tokens of the texts of the splits.
    train_matrix, val_matrix : ndarray of int8, shape (products, labels)
    padding : int
        The token to fill up with.
    """

    train: Sequence[Tokens]
    val: Sequence[Tokens]
    train_matrix: LabelMatrix
    val_matrix: LabelMatrix
    padding: int = 0

    @property
    def views(self) -> int:
        """A text is looked at once."""
        return 1

    @property
    def lengths(self) -> list[int]:
        """Tokens of each training text."""
        return [len(one) for one in self.train]

    @property
    def measured_in(self) -> list[int]:
        """Texts of about one length together, the longest first."""
        return sorted(range(len(self.val)), key=lambda at: -len(self.val[at]))

    def prepare(self) -> None:
        """Nothing takes long."""

    def training(self, seed: int) -> TrainingTexts:
        """Give what makes training batches; nothing in them is random."""
        return TrainingTexts(self.train, self.train_matrix, self.padding)

    def validation(self) -> ValidationTexts:
        """Give what makes validation batches."""
        return ValidationTexts(self.val, self.val_matrix, self.padding)
