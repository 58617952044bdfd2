"""The recipes that `few_labels.py` compares: from drawn products to scores of test products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression

from longtailor.classifiers import Block, compete
from longtailor.classifiers.kernel import laplace_kernel
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import NEGATIVE, POSITIVE, UNKNOWN, LabelMatrix, LabelSpace
from longtailor.training import fit_classifier
from longtailor.training.auto import FOLDS, cross_validate_linear, fit_auto
from longtailor.training.design import Design
from longtailor.training.folds import deal_folds
from longtailor.training.kernel_ridge import fit_kernel_ridge
from longtailor.training.search import PATIENCE, PENALTIES

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Given:
    """What every method gets: annotated products, parted into train and val, and test products."""

    embeddings: Floats
    matrix: LabelMatrix
    val_embeddings: Floats
    val_matrix: LabelMatrix
    space: LabelSpace
    test: Floats
    blocks: tuple[Block, ...] | None = None

    @property
    def annotated(self) -> tuple[Floats, LabelMatrix]:
        """Train and val together."""
        return (
            np.concatenate([self.embeddings, self.val_embeddings]),
            np.concatenate([self.matrix, self.val_matrix]),
        )

    def take_labels(self, learned: npt.NDArray[np.bool_]) -> Given:
        """Keep the labels where `learned` is true."""
        labels = [label for label, kept in zip(self.space.labels, learned, strict=True) if kept]
        space = LabelSpace(labels)
        exclusive = self.space.exclusive & set(space.attributes)
        return replace(
            self,
            matrix=self.matrix[:, learned],
            val_matrix=self.val_matrix[:, learned],
            space=LabelSpace(labels, exclusive),
        )


Method = Callable[[Given], Floats]


def fit_objective(given: Given, objective: str) -> Floats:
    """Fit our classifier with an objective, its penalty chosen on val."""
    fit = fit_classifier(
        given.embeddings,
        given.matrix,
        given.val_embeddings,
        given.val_matrix,
        given.space,
        objective,
        blocks=given.blocks,
    )
    with torch.inference_mode():
        logits = fit.classifier(torch.from_numpy(given.test))
        return np.asarray(compete(logits, fit.competing).numpy())


def fit_balanced(given: Given) -> Floats:
    """Fit scikit-learn's balanced logistic regression label by label.

    It gets our normalised features, which suit it better than raw embeddings, and the penalty with
    the highest mean average precision on val from the same grid, with the same patience.
    """
    design = Design.of(torch.from_numpy(given.embeddings), given.blocks)
    train = design.features[:, :-1].numpy()
    val, test = (_features(design, embeddings) for embeddings in (given.val_embeddings, given.test))
    best, scores, worse = -1.0, np.zeros((len(test), len(given.space)), np.float32), 0
    for penalty in PENALTIES:
        val_scores = np.zeros(given.val_matrix.shape, np.float32)
        test_scores = np.zeros_like(scores)
        for label in range(len(given.space)):
            known = given.matrix[:, label] != UNKNOWN
            targets = given.matrix[known, label]
            if not ((targets == POSITIVE).any() and (targets == NEGATIVE).any()):
                continue
            model = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=1000)
            model.fit(train[known], targets == POSITIVE)
            val_scores[:, label] = model.decision_function(val)
            test_scores[:, label] = model.decision_function(test)
        reached = float(np.nanmean(average_precision(val_scores, given.val_matrix)))
        if reached > best:
            best, scores, worse = reached, test_scores, 0
        else:
            worse += 1
            if worse == PATIENCE:
                break
    return scores


def fit_recipe(given: Given) -> Floats:
    """Fit the default recipe to train and val."""
    embeddings, matrix = given.annotated
    groups = _no_groups(matrix)
    fit = fit_auto(torch.from_numpy(embeddings), matrix, given.space, groups, given.blocks)
    with torch.inference_mode():
        return np.asarray(fit.classifier(torch.from_numpy(given.test)).numpy())


def fit_all_products(given: Given) -> Floats:
    """Fit the recipe's linear part alone: cross-validation, then all products."""
    embeddings, matrix = given.annotated
    design = Design.of(torch.from_numpy(embeddings), given.blocks)
    folds = deal_folds(matrix, _no_groups(matrix), FOLDS)
    linear, _, _ = cross_validate_linear(design, matrix, folds)
    with torch.inference_mode():
        return np.asarray(linear(torch.from_numpy(given.test)).numpy())


def fit_kernel(given: Given) -> Floats:
    """Fit the recipe's kernel part alone."""
    embeddings, matrix = given.annotated
    design = Design.of(torch.from_numpy(embeddings), given.blocks)
    folds = deal_folds(matrix, _no_groups(matrix), FOLDS)
    kernel = fit_kernel_ridge(design.features[:, :-1], matrix, folds)
    test = torch.from_numpy(_features(design, given.test))
    similar = laplace_kernel(test, kernel.landmarks, kernel.width)
    return np.asarray((similar @ kernel.weight.T + kernel.bias).numpy())


def _no_groups(matrix: LabelMatrix) -> npt.NDArray[np.str_]:
    return np.full(len(matrix), "")


def _features(design: Design, embeddings: Floats) -> npt.NDArray[np.float32]:
    """Give the features of other products as `Design` has those of train."""
    identity = torch.eye(design.features.shape[1] - 1)
    fold = design.fold(torch.cat([identity, torch.zeros(1, len(identity))]))
    with torch.inference_mode():
        return np.asarray(fold(torch.from_numpy(embeddings)).numpy())


METHODS: dict[str, Method] = {
    "none": partial(fit_objective, objective="none"),
    "sklearn balanced": fit_balanced,
    "asl": partial(fit_objective, objective="asl"),
    "db": partial(fit_objective, objective="db"),
    "softmax": partial(fit_objective, objective="softmax"),
    "linear, all products": fit_all_products,
    "kernel, all products": fit_kernel,
    "auto": fit_recipe,
}
