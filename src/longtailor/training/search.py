"""Fit a classifier and choose, on validation, how strongly to hold it back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from longtailor.classifiers import Block, Classifier, LinearClassifier, compete
from longtailor.errors import LongtailorError
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.ranking import average_precision
from longtailor.labels import LabelMatrix, LabelSpace, LabelStatistics
from longtailor.objectives import AnyObjective, build_for, is_by_attribute, parse
from longtailor.objectives.by_attribute import assign, competing, split_specification
from longtailor.training.auto import RECIPE, fit_auto
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear

PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""Strengths of the L2 penalty that are tried, each starting from the solution of the last."""
DEFAULT_PENALTY = 0.3
"""Taken where validation has no positive to choose by."""
PATIENCE = 2
"""The path ends after so many strengths that are no better."""
BETAS = (0.0, 0.9, 0.99, 0.999, 0.9999)
"""What `beta=auto` chooses from; 0 is the non-weighted objective."""
AUTO = "auto"


@dataclass(frozen=True)
class Trial:
    """One fit and what it came to on validation; NaN where nothing could be measured."""

    objective: str
    penalty: float
    beta: float | None
    iterations: int
    converged: bool
    val_map: float
    val_f1_at_half: float

    def to_dict(self) -> dict[str, Any]:
        """Give the trial as JSON can hold it."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted classifier and how it was chosen.

    Attributes
    ----------
    classifier : LinearClassifier or BlendedClassifier
    objective : Objective or ObjectiveByAttribute
        As it was built for the training labels.
    specification : str
        The objective with its parameters, beta chosen.
    chosen : Trial
        Of one objective an attribute: all of them together, without a penalty.
    trials : tuple of Trial
        All that were tried, in order.
    competing : list of list of int
        Columns of each attribute whose values compete (see `longtailor.classifiers.compete`).
    held_out : ndarray of float64, shape (products, labels), or None
        Where the classifier was fitted to train and val together: logits of the products of train,
        then of val, by classifiers that did not see them; NaN for products that all of them saw.
        None where val was not learned from.
    parts : dict of str to Trial
        Of one objective an attribute: what was chosen for each objective.
    noises : ndarray of float64, shape (labels,), or None
        Of the recipe `auto`: the noise variance of the kernel classifier of each label, NaN where
        a label is known for no product.
    """

    classifier: Classifier
    objective: AnyObjective
    specification: str
    chosen: Trial
    trials: tuple[Trial, ...]
    competing: list[list[int]]
    held_out: npt.NDArray[np.float64] | None = None
    parts: dict[str, Trial] = field(default_factory=dict)
    noises: npt.NDArray[np.float64] | None = None


def fit_classifier(
    embeddings: npt.ArrayLike,
    matrix: LabelMatrix,
    val_embeddings: npt.ArrayLike,
    val_matrix: LabelMatrix,
    space: LabelSpace,
    objective: str = "none",
    *,
    advance: Callable[[int], None] = lambda steps: None,
    blocks: Sequence[Block] | None = None,
    design: Design | None = None,
    group: npt.NDArray[np.str_] | None = None,
    choose_by_val: bool = False,
) -> Fit:
    """Fit a classifier to all labels at once, its penalty chosen on validation.

    It is linear, unless the recipe `auto` is asked for (`longtailor.training.auto`), which learns
    from validation too.

    The penalty is the one with the highest mean average precision on validation. With `beta=auto`
    each beta gets its own best penalty, and the beta with the highest macro F1 at 0.5 is taken:
    what weights move first is where 0.5 falls.

    Where attributes have objectives of their own, the labels of each objective are fitted by
    themselves, each with a penalty (and beta) of its own.

    Parameters
    ----------
    embeddings, val_embeddings : array_like of float, shapes (products, dim)
        NaN in the blocks that a product does not have.
    matrix, val_matrix : ndarray of int8, shapes (products, labels)
        Positive 1, negative 0, unknown -1.
    space : LabelSpace
        The columns of the matrices.
    objective : str
        A name of the family with parameters, such as `effective_number:beta=0.99`; one for each
        attribute (`longtailor.objectives.build_for`); or `auto`.
    advance : callable
        Called with 1 after each fit.
    blocks : sequence of Block, optional
        What the embeddings consist of. Default: one block of all numbers, none of them missing.
    design : Design, optional
        Of `embeddings`, where it has been made already. `auto` makes its own.
    group : ndarray of str, shape (train and val products,), optional
        Products of one group are left out together by `auto`; `""` is a group of its own.
    choose_by_val : bool
        `auto` leaves out products of val alone, as where the embeddings of train were made by a
        network that had learned its labels. It learns from train and val all the same.

    Raises
    ------
    UsageError
        If there is no such objective.
    LongtailorError
        If there is nothing to fit, or an embedding is not finite.
    """
    inputs = _tensor(embeddings, "training", blocks)
    val_inputs = _tensor(val_embeddings, "validation", blocks)
    if not len(inputs) or not (matrix == 1).any():
        raise LongtailorError("no training product has a positive label: nothing can be learned")
    name, parameters = parse_objective(objective)
    if name == RECIPE:
        annotated = np.concatenate([matrix, val_matrix])
        group = np.full(len(annotated), "") if group is None else group
        choose_by = np.arange(len(matrix), len(annotated)) if choose_by_val else None
        return _fit_recipe(
            torch.cat([inputs, val_inputs]), annotated, space, group, blocks, advance, choose_by
        )
    design = design or Design.of(inputs, blocks)
    if is_by_attribute(objective):
        return _fit_by_attribute(
            objective, design, inputs, matrix, val_inputs, val_matrix, space, blocks, advance
        )
    targets = torch.tensor(matrix, dtype=torch.float32)
    automatic = parameters.get("beta") == AUTO
    competing = competing_columns(name, space)
    best: Fit | None = None
    trials: list[Trial] = []
    for beta in BETAS if automatic else (None,):
        chosen = dict(parameters) if beta is None else {**parameters, "beta": beta}
        built = build_objective(name, matrix, space, chosen)
        fit = _choose_penalty(
            design, targets, built, val_inputs, val_matrix, competing, beta, trials, advance
        )
        if best is None or _better(fit.chosen.val_f1_at_half, best.chosen.val_f1_at_half):
            best = replace(fit, specification=_specification(name, chosen))
    assert best is not None
    return replace(best, trials=tuple(trials))


def _fit_recipe(
    embeddings: Tensor,
    matrix: LabelMatrix,
    space: LabelSpace,
    group: npt.NDArray[np.str_],
    blocks: Sequence[Block] | None,
    advance: Callable[[int], None],
    choose_by: npt.NDArray[np.intp] | None,
) -> Fit:
    fit = fit_auto(embeddings, matrix, space, group, blocks, advance, choose_by)
    held_out = ~np.isnan(fit.held_out).any(axis=1)
    linear = [
        Trial("none", one.penalty, None, one.iterations, one.converged, one.held_out_map, math.nan)
        for one in fit.trials
    ]
    chosen = replace(
        linear[fit.trials.index(fit.chosen)],
        objective=RECIPE,
        val_map=_mean(average_precision(fit.held_out[held_out], matrix[held_out])),
        val_f1_at_half=_mean(judge(fit.held_out[held_out] >= 0, matrix[held_out]).f1),
    )
    # It is asked for, and told, in the place of an objective.
    fit.objective.name = RECIPE
    trials = (*linear, chosen)
    return Fit(
        fit.classifier, fit.objective, RECIPE, chosen, trials, [], fit.held_out, noises=fit.noises
    )


def _fit_by_attribute(
    objective: str,
    design: Design,
    inputs: Tensor,
    matrix: LabelMatrix,
    val_inputs: Tensor,
    val_matrix: LabelMatrix,
    space: LabelSpace,
    blocks: Sequence[Block] | None,
    advance: Callable[[int], None],
) -> Fit:
    weight, bias = torch.empty(len(space), inputs.shape[1]), torch.empty(len(space))
    fits: dict[str, Fit] = {}
    average: Tensor | None = None
    for written, columns in assign(objective, space):
        fit = fit_classifier(
            inputs.numpy(),
            matrix[:, columns],
            val_inputs.numpy(),
            val_matrix[:, columns],
            space.select(columns),
            written,
            advance=advance,
            blocks=blocks,
            design=design,
        )
        one = fit.classifier
        assert isinstance(one, LinearClassifier)
        weight[columns], bias[columns] = one.weight.detach(), one.bias.detach()
        average = one.average
        fits[written] = fit
    classifier = LinearClassifier(weight, bias, blocks, average)
    specification = _rewritten(
        objective, lambda one: fits[one].specification if one in fits else one
    )
    rivals = competing_columns(specification, space)
    with torch.inference_mode():
        scores = compete(classifier(val_inputs), rivals).numpy()
    parts = {fit.specification: fit.chosen for fit in fits.values()}
    chosen = Trial(
        specification,
        math.nan,
        None,
        sum(trial.iterations for trial in parts.values()),
        all(trial.converged for trial in parts.values()),
        _mean(average_precision(scores, val_matrix)),
        _mean(judge(scores >= 0, val_matrix).f1),
    )
    return Fit(
        classifier,
        build_for(specification, space, statistics=LabelStatistics.from_matrix(matrix)),
        specification,
        chosen,
        tuple(trial for fit in fits.values() for trial in fit.trials),
        rivals,
        parts=parts,
    )


def parse_objective(text: str) -> tuple[str, dict[str, Any]]:
    """Read an objective as `longtailor.objectives.parse` does, or the recipe `auto`.

    One objective an attribute is checked, and comes back as it is, without parameters.
    """
    if text.strip() == RECIPE:
        return RECIPE, {}
    if is_by_attribute(text):
        split_specification(text)
        return text.strip(), {}
    return parse(text)


def _rewritten(specification: str, change: Callable[[str], str]) -> str:
    """Write a specification with each of its objectives changed."""
    default, named = split_specification(specification)
    return ";".join([change(default), *(f"{name}={change(one)}" for name, one in named.items())])


def build_objective(
    name: str, matrix: LabelMatrix, space: LabelSpace, parameters: dict[str, Any]
) -> AnyObjective:
    """Build an objective for training labels; `softmax` is told the exclusive attributes.

    That of `auto` is its linear part's. Where an attribute's beta is still to be chosen, it is the
    last of `BETAS`.
    """
    if name == RECIPE:
        name = "none"

    def settled(written: str) -> str:
        own, given = parse(written)
        return _specification(own, {k: BETAS[-1] if v == AUTO else v for k, v in given.items()})

    if is_by_attribute(name):
        specification = _rewritten(name, settled)
    else:
        specification = _specification(name, parameters)
    return build_for(specification, space, statistics=LabelStatistics.from_matrix(matrix))


def competing_columns(name: str, space: LabelSpace) -> list[list[int]]:
    """Give the columns of each attribute whose values an objective makes compete."""
    if name == RECIPE:
        return []
    return [
        group
        for written, columns in assign(name, space)
        for group in competing(written, columns, space)
    ]


def _choose_penalty(
    design: Design,
    targets: Tensor,
    objective: AnyObjective,
    val_inputs: Tensor,
    val_matrix: LabelMatrix,
    competing: list[list[int]],
    beta: float | None,
    trials: list[Trial],
    advance: Callable[[int], None],
) -> Fit:
    measurable = bool((val_matrix == 1).any())
    best: Fit | None = None
    start: Tensor | None = None
    worse = 0
    for penalty in PENALTIES if measurable else (DEFAULT_PENALTY,):
        minimum = fit_linear(design, targets, objective, penalty, start)
        start = minimum.parameters
        classifier = design.fold(start)
        with torch.inference_mode():
            scores = compete(classifier(val_inputs), competing).numpy()
        trial = Trial(
            objective.name,
            penalty,
            beta,
            minimum.iterations,
            bool(minimum.converged.all()),
            _mean(average_precision(scores, val_matrix)),
            _mean(judge(scores >= 0, val_matrix).f1),
        )
        trials.append(trial)
        advance(1)
        if best is None or _better(trial.val_map, best.chosen.val_map):
            best, worse = Fit(classifier, objective, objective.name, trial, (), competing), 0
        else:
            worse += 1
            if worse == PATIENCE:
                break
    assert best is not None
    return best


def _specification(name: str, parameters: dict[str, Any]) -> str:
    written = ",".join(f"{key}={value}" for key, value in parameters.items())
    return f"{name}:{written}" if written else name


def _better(value: float, than: float) -> bool:
    return value > than or (math.isnan(than) and not math.isnan(value))


def _mean(values: npt.NDArray[np.float64]) -> float:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if len(measured) else math.nan


def _tensor(embeddings: npt.ArrayLike, split: str, blocks: Sequence[Block] | None) -> Tensor:
    array = np.ascontiguousarray(embeddings, dtype=np.float32)
    broken = ~np.isfinite(array).all(axis=1)
    if blocks is not None:
        edges = np.cumsum([block.dim for block in blocks])[:-1]
        parts = np.split(array, edges, axis=1)
        sound = [np.isfinite(part).all(axis=1) | np.isnan(part).all(axis=1) for part in parts]
        broken = ~np.all(sound, axis=0)
    if broken.any():
        raise LongtailorError(
            f"the embedding of {split} product {int(np.argmax(broken))} has NaN or infinite "
            "numbers; leave the product out or embed it again"
        )
    return torch.from_numpy(array)
