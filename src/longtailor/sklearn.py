"""The classifier and the objectives as an estimator of scikit-learn's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit, log_expit, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from longtailor.catalog import TRAIN, VAL
from longtailor.catalog.splits import carve_splits
from longtailor.classifiers import Block, Classifier, compete
from longtailor.evaluation.ranking import average_precision
from longtailor.evaluation.thresholds import choose_thresholds
from longtailor.labels import LabelMatrix, LabelSpace
from longtailor.labels.matrix import as_label_matrix
from longtailor.objectives import AnyObjective
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear
from longtailor.training.search import (
    AUTO,
    build_objective,
    competing_columns,
    fit_classifier,
    parse_objective,
)

Floats = npt.NDArray[np.float64]

DENSE_LIMIT = 500_000_000
"""Numbers that a sparse matrix may have once it is dense: 2 GB in single precision."""
NORMALIZATIONS = (None, "length", "power")
F1 = "f1"


class LongTailClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A penalised linear classifier of many labels, trained with an objective for rare ones.

    Parameters
    ----------
    objective : str
        A name of the family with parameters, such as `"effective_number:beta=0.99"`
        (`longtailor objectives` lists them), or the recipe `"auto"`.
    penalty : float, optional
        Strength of the L2 penalty, on features centred and scaled together to a mean squared
        length of 1. Default: the one with the highest mean average precision on a validation
        split carved from the training data; then all of it is fitted.
    thresholds : "f1", float or array_like of shape (labels,)
        At which probability a label is predicted: chosen on that validation split for macro F1, or
        given. Only for a `y` of several labels; classes are decided by the largest probability.
    normalize : {None, "length", "power"}
        What is done to each row first: nothing; scaled to length 1; signed square roots scaled to
        length 1, which suits embeddings of photos.
    val_fraction : float
        Share of the training data that penalty and thresholds are chosen on, above 0 and below 1.
    random_state : int, RandomState or None
        Of the validation split.

    Attributes
    ----------
    classes_ : ndarray, or list of ndarray
        The classes; for a `y` of several labels, `[0, 1]` for each of them.
    n_features_in_ : int
    classifier_ : torch.nn.Module
    objective_ : str
        The objective with its parameters.
    penalty_ : float
    thresholds_ : ndarray of shape (labels,)
        Only for a `y` of several labels.
    correction_ : ndarray of shape (labels,) or None
        What the objective added to the logits, where that is a constant: the sigmoid of
        `decision_function(X) - correction_` is the probability in the world as it is.

    Notes
    -----
    `y` is a vector of classes, or a matrix of shape (products, labels) with 1 (positive), 0
    (negative) and -1 or NaN (unknown: it takes no part). A single label with unknown cells has to
    be given without them. Sparse features are made dense, up to `DENSE_LIMIT` numbers.
    """

    def __init__(
        self,
        objective: str = "none",
        *,
        penalty: float | None = None,
        thresholds: str | float | npt.ArrayLike = F1,
        normalize: str | None = None,
        val_fraction: float = 0.2,
        random_state: Any = 0,
    ) -> None:
        self.objective = objective
        self.penalty = penalty
        self.thresholds = thresholds
        self.normalize = normalize
        self.val_fraction = val_fraction
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any) -> LongTailClassifier:  # noqa: N803
        """Fit the classifier.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (products, features)
        y : array_like, shape (products,) or (products, labels)

        Raises
        ------
        ValueError
            If a parameter, `X` or `y` is out of range.
        LongtailorError
            If there is no such objective, or nothing can be learned.
        """
        self._check_parameters()
        inputs, matrix, space = self._read(X, y)
        block = Block(inputs.shape[1], self.normalize == "power", self.normalize is not None)
        self.objective_: str = self.objective
        self.penalty_: Any = self.penalty
        self._competing = competing_columns(parse_objective(self.objective)[0], space)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        held_out: tuple[Floats, LabelMatrix] | None = None
        whole: tuple[Classifier, AnyObjective] | None = None
        if self.penalty is None or (self._multilabel and self._wants_f1()):
            train, val = _split(matrix, self.val_fraction, seed)
            parts = inputs[train], matrix[train], inputs[val], matrix[val]
            if self.penalty is None:
                fit = fit_classifier(*parts, space, self.objective, blocks=[block])
                self.objective_, self.penalty_ = fit.specification, fit.chosen.penalty
                classifier = fit.classifier
                if fit.held_out is not None:
                    whole = fit.classifier, fit.objective
                    held_out = fit.held_out, np.concatenate([matrix[train], matrix[val]])
            else:
                classifier, _ = self._fit_linear(inputs[train], matrix[train], space, block)
            if held_out is None:
                held_out = _score(classifier, inputs[val], self._competing), matrix[val]
        self.classifier_, objective = whole or self._fit_linear(inputs, matrix, space, block)
        shift = objective.correction()
        self.correction_ = (
            None if shift is None else shift.expand(len(space)).double().cpu().numpy().copy()
        )
        if self._multilabel:
            self.thresholds_ = self._thresholds(held_out, len(space), seed)
        return self

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Give log odds: shape (products,) for two classes, else (products, labels or classes)."""
        logits = self._logits(X)
        return logits if self._multilabel or len(self.classes_) > 2 else logits[:, 0]

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Give probabilities as the objective made them.

        Returns
        -------
        ndarray of float64, shape (products, classes), or (products, labels)
            Of classes they add up to 1.
        """
        logits = self._logits(X)
        if self._multilabel:
            return np.asarray(expit(logits))
        if len(self.classes_) == 2:
            return np.concatenate([expit(-logits), expit(logits)], axis=1)
        return np.asarray(softmax(log_expit(logits), axis=1))

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Give the class of each product, or 1 and 0 of shape (products, labels)."""
        logits = self._logits(X)
        if self._multilabel:
            return (logits >= logit(self.thresholds_)).astype(np.int64)
        if len(self.classes_) == 2:
            return np.asarray(self.classes_[(logits[:, 0] > 0).astype(np.intp)])
        return np.asarray(self.classes_[np.argmax(logits, axis=1)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Give the accuracy of classes; of several labels, the mean average precision.

        The mean is over the labels with a positive in `y`; unknown cells take no part. NaN where
        no label has one.
        """
        if not self._is_matrix(y):
            return float(super().score(X, y, sample_weight))
        values = average_precision(self._logits(X), as_label_matrix(y), sample_weight)
        measured = values[~np.isnan(values)]
        return float(measured.mean()) if len(measured) else float("nan")

    def _check_parameters(self) -> None:
        if self.normalize not in NORMALIZATIONS:
            raise ValueError(f"normalize={self.normalize!r}: use one of {NORMALIZATIONS}")
        if self.penalty is not None and not self.penalty > 0:
            raise ValueError(f"penalty={self.penalty!r}: give a number above 0, or None")
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"val_fraction={self.val_fraction!r}: give a number from 0 to 1")
        if isinstance(self.thresholds, str) and self.thresholds != F1:
            raise ValueError(f"thresholds={self.thresholds!r}: use 'f1', a number or an array")
        name, parameters = parse_objective(self.objective)
        if self.penalty is not None and AUTO in (name, parameters.get("beta")):
            raise ValueError(f"{self.objective} chooses its penalty itself: leave penalty=None")

    def _wants_f1(self) -> bool:
        return isinstance(self.thresholds, str)

    @staticmethod
    def _is_matrix(y: Any) -> bool:
        shape = y.shape if hasattr(y, "toarray") else np.asarray(y).shape
        return len(shape) == 2 and shape[1] > 1

    def _read(self, X: Any, y: Any) -> tuple[npt.NDArray[np.float32], LabelMatrix, LabelSpace]:  # noqa: N803
        """Give the features, and the labels or classes as a label matrix."""
        self._multilabel = self._is_matrix(y)
        if self._multilabel:
            X = validate_data(self, X, accept_sparse="csr", dtype=np.float32)  # noqa: N806
            check_consistent_length(X, y)
            matrix = as_label_matrix(y)
            self.classes_: Any = [np.array([0, 1])] * matrix.shape[1]
            return _dense(X), matrix, _space(matrix.shape[1])
        if np.asarray(y).ndim == 2 and set(np.unique(y).tolist()) == {-1, 0, 1}:
            raise ValueError(
                "y is a single label with unknown cells (-1): leave out the products in which it "
                "is unknown"
            )
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float32)  # noqa: N806
        check_classification_targets(y)
        if not self._wants_f1() and np.any(np.asarray(self.thresholds) != 0.5):
            raise ValueError("thresholds are for a y of several labels, and this one has classes")
        self.classes_, at = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has {len(self.classes_)} class, and two are needed to tell apart")
        if len(self.classes_) == 2:
            return _dense(X), at[:, None].astype(np.int8), _space(1)
        matrix = (at[:, None] == np.arange(len(self.classes_))).astype(np.int8)
        return _dense(X), matrix, _space(len(self.classes_), exclusive=True)

    def _fit_linear(
        self,
        inputs: npt.NDArray[np.float32],
        matrix: LabelMatrix,
        space: LabelSpace,
        block: Block,
    ) -> tuple[Classifier, AnyObjective]:
        name, parameters = parse_objective(self.objective_)
        objective = build_objective(name, matrix, space, parameters)
        design = Design.of(torch.from_numpy(inputs), [block])
        targets = torch.tensor(matrix, dtype=torch.float32)
        minimum = fit_linear(design, targets, objective, float(self.penalty_))
        if not minimum.converged.all():
            warnings.warn(
                f"the fit stopped after {minimum.iterations} iterations before it converged",
                ConvergenceWarning,
                stacklevel=3,
            )
        return design.fold(minimum.parameters).double(), objective

    def _thresholds(
        self, held_out: tuple[Floats, LabelMatrix] | None, labels: int, seed: int
    ) -> Floats:
        if held_out is not None and self._wants_f1():
            logits, matrix = held_out
            return choose_thresholds(logits, matrix, [np.arange(labels)], self.correction_, seed)
        given = np.asarray(self.thresholds, dtype=np.float64)
        if given.shape not in ((), (labels,)) or not ((given >= 0) & (given <= 1)).all():
            raise ValueError(
                f"thresholds are a number from 0 to 1, or {labels} of them, not {self.thresholds!r}"
            )
        return np.array(np.broadcast_to(given, (labels,)))

    def _logits(self, X: Any) -> Floats:  # noqa: N803
        check_is_fitted(self)
        inputs = validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=False)
        return _score(self.classifier_, _dense(inputs), self._competing)


def _split(
    matrix: LabelMatrix, share: float, seed: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Hold products out, with all labels in proportion."""
    rows = len(matrix)
    split = carve_splits(
        matrix,
        np.full(rows, TRAIN),
        np.full(rows, ""),
        fractions=(1 - share, share, 0.0),
        seed=seed,
    )
    return split == TRAIN, split == VAL


def _score(
    classifier: Classifier, inputs: npt.NDArray[np.float32], competing: list[list[int]]
) -> Floats:
    precision = next(classifier.parameters()).dtype
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(inputs).to(precision)).double()
        return np.asarray(compete(logits, competing).numpy())


def _dense(features: Any) -> npt.NDArray[np.float32]:
    if hasattr(features, "toarray"):
        rows, columns = features.shape
        if rows * columns > DENSE_LIMIT:
            raise ValueError(
                f"X is sparse and would have {rows * columns:,} numbers once it is dense, more "
                f"than {DENSE_LIMIT:,}: reduce its columns first, as with TruncatedSVD"
            )
        features = features.toarray()
    return np.ascontiguousarray(features)


def _space(labels: int, *, exclusive: bool = False) -> LabelSpace:
    """Name the labels; of one attribute, so that thresholds of rare ones are held to the rest."""
    return LabelSpace((f"y:{column}" for column in range(labels)), ["y"] if exclusive else [])
