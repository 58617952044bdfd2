from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from longtailor.errors import UsageError
from longtailor.labels import LabelStatistics
from longtailor.objectives import build, build_from_matrix, names

COUNTS = {"positives": [2, 3], "known": [4, 5]}


def test_arguments_go_before_the_name():
    objective = build("asl+effective_number:gamma_neg=3,beta=0.9", beta=0.5, **COUNTS)
    assert objective.name == "asl+effective_number"
    assert objective.settings == {
        "gamma_neg": 3.0,
        "gamma_pos": 0.0,
        "margin": 0.05,
        "beta": 0.5,
        "reading": "balancing",
        "cap": None,
        "defer": 0,
        "unknown": "ignore",
        "topk": 5,
        "prior_threshold": 0.05,
        "reduction": "mean",
    }


@pytest.mark.parametrize("name", names())
def test_settings_are_json_and_build_the_same_again(name):
    groups = [[0, 1]] if name == "softmax" else None
    objective = build(name, groups=groups, **COUNTS)
    settings = json.loads(json.dumps(objective.settings, allow_nan=False))
    idle = {"topk", "prior_threshold"}
    if "none" in name or objective.settings["reading"] is None:
        idle |= {"reading"}
    again = build(
        objective.name,
        groups=groups,
        **COUNTS,
        **{key: value for key, value in settings.items() if key not in idle},
    )
    assert again.settings == objective.settings
    torch.manual_seed(0)
    logits, targets = torch.randn(4, 2), torch.tensor([[0, 1], [1, 0], [1, 0], [0, 1]])
    assert again(logits, targets) == objective(logits, targets)


def test_counts_statistics_and_matrix_agree():
    matrix = np.array([[1, 0], [1, -1], [0, 1], [0, 0], [0, 1]])
    statistics = LabelStatistics.from_matrix(matrix.astype(np.int8))
    a = build("inverse_frequency", positives=[2, 2], known=torch.tensor([5, 4]))
    b = build("inverse_frequency", statistics=statistics)
    c = build_from_matrix("inverse_frequency", np.where(matrix < 0, np.nan, matrix))
    for other in (b, c):
        torch.testing.assert_close(a.positive_weight, other.positive_weight)
        torch.testing.assert_close(a.negative_weight, other.negative_weight)


def test_assumed_negatives_count_as_negatives():
    matrix = [[1], [-1], [-1], [0]]
    objective = build_from_matrix("inverse_frequency", matrix, unknown="assume_negative")
    assert objective.positive_weight.item() == pytest.approx(4 / 2)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("effective_number", {}, "needs label statistics"),
        ("logit_adjusted", {}, "needs label statistics"),
        ("none", {"positives": [1]}, "both positives and known"),
        ("none", {"positives": [-1], "known": [3]}, "label 0: positives is -1"),
        ("none", {"positives": [1, 4], "known": [3, 3]}, "label 1: positives is 4, more than"),
        ("none", {"positives": [1, 2], "known": [3]}, r"shape \(2,\)"),
        ("none", {"positives": [0.5], "known": [3]}, "whole numbers"),
        ("none", {"positives": [[1]], "known": [[3]]}, "one count a label"),
        ("effective_number:beta=auto", COUNTS, "auto is chosen while fitting"),
        ("zlpr+inverse_frequency", COUNTS, "zlpr takes no weights"),
        ("two_way+effective_number", COUNTS, "do not combine"),
        ("softmax+distribution_balanced", COUNTS, "softmax takes label weights"),
        ("softmax+inverse_sqrt:reading=balancing", COUNTS, "reading=balancing makes no sense"),
        ("db:reading=label", COUNTS, "reading=label makes no sense"),
        ("asl:reading=label", COUNTS, "no weighting, so reading=label says nothing"),
        ("asl:cap=3", COUNTS, "no weighting to apply cap to"),
        ("none:defer=3", COUNTS, "no weighting to apply defer to"),
        ("none:topk=3", COUNTS, "topk is for unknown=selective"),
        ("none:unknown=selective", {}, "needs label statistics"),
        ("softmax:unknown=assume_negative", {**COUNTS, "groups": [[0, 1]]}, "makes no sense here"),
        ("asl", {"groups": [[0, 1]]}, "takes no groups"),
        ("none", {"beta": 0.9}, "no parameter 'beta'"),
        ("effective_number", {**COUNTS, "beta": 1.0}, "range"),
        ("effective_number", {**COUNTS, "cap": 0}, "range"),
        ("none", {**COUNTS, "statistics": LabelStatistics.from_counts([1], [2])}, "either"),
    ],
)
def test_refuses_what_makes_no_sense(name, arguments, says):
    with pytest.raises(UsageError, match=says):
        build(name, **arguments)


def test_refuses_a_matrix_that_is_none():
    with pytest.raises(UsageError, match=r"cell \(0, 1\)"):
        build_from_matrix("none", [[1, 3]])


def test_the_example_in_the_docstring_is_true():
    import doctest
    import importlib

    # The package has a function of the module's name, which hides it from `import .. as`.
    module = importlib.import_module("longtailor.objectives.build")
    assert doctest.testmod(module).attempted == 3
    assert doctest.testmod(module).failed == 0
