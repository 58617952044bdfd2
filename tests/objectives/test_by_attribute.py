from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from longtailor.errors import UsageError
from longtailor.labels import LabelSpace
from longtailor.objectives import ObjectiveByAttribute, build, build_for, weights_table
from longtailor.objectives.by_attribute import assign, split_specification

# The columns of an attribute are not side by side.
SPACE = LabelSpace(
    ["sleeve:puff", "colour:red", "sleeve:cap", "fit:slim", "colour:blue", "fit:wide", "fit:boxy"],
    exclusive=["fit"],
)
SLEEVE, COLOUR, FIT = [0, 2], [1, 4], [3, 5, 6]
POSITIVES, KNOWN = [6, 100, 500, 40, 3, 70, 20], [1000, 800, 1000, 300, 900, 300, 300]
MIXED = "none;sleeve=asl+effective_number:gamma_neg=3,beta=0.99;colour=inverse_frequency"


def made(specification=MIXED):
    return build_for(specification, SPACE, POSITIVES, KNOWN)


def part(name, columns, **more):
    return build(name, [POSITIVES[c] for c in columns], [KNOWN[c] for c in columns], **more)


def batch(rows=9):
    generator = torch.Generator().manual_seed(rows)
    logits = 3 * torch.randn((rows, 7), generator=generator)
    targets = (torch.rand((rows, 7), generator=generator) < 0.3).float()
    targets[torch.rand((rows, 7), generator=generator) < 0.4] = -1
    targets[:, FIT] = torch.eye(3)[torch.randint(0, 3, (rows,), generator=generator)]
    targets[0, FIT] = -1
    return logits, targets


def gradient(objective, logits, targets):
    leaf = logits.clone().requires_grad_()
    loss = objective(leaf, targets)
    return torch.cat([loss.reshape(1), torch.autograd.grad(loss, leaf)[0].flatten()])


def test_each_attribute_has_its_cells_and_the_mean_is_over_all_known():
    logits, targets = batch()
    objective = made()
    cells = torch.zeros_like(logits)
    for name, columns in (
        ("asl+effective_number:gamma_neg=3,beta=0.99", SLEEVE),
        ("inverse_frequency", COLOUR),
        ("none", FIT),
    ):
        own = part(name, columns)
        cells[:, columns] = own.unreduced(logits[:, columns], targets[:, columns])
    torch.testing.assert_close(objective.unreduced(logits, targets), cells)
    known = (targets >= 0).sum()
    torch.testing.assert_close(objective(logits, targets), cells.sum() / known)
    loss, terms = objective.with_terms(logits, targets)
    assert (loss, terms) == (objective(logits, targets), known)
    values, slopes = objective.unreduced_with_slopes(logits, targets)
    torch.testing.assert_close(values, cells)
    expected = gradient(objective, logits, targets)[1:].view_as(logits)
    torch.testing.assert_close(slopes / known, expected)


@pytest.mark.parametrize("name", ["effective_number:beta=0.99", "asl", "softmax:tau=0.5"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_same_for_all_is_that_one(name, reduction):
    written = f"{name}{',' if ':' in name else ':'}reduction={reduction}"
    logits, targets = batch()
    # Different text, so that the objectives are two.
    apart = made(f"{written};fit={written},unknown=ignore")
    assert len(apart.parts) == 2
    one = made(written)
    torch.testing.assert_close(gradient(apart, logits, targets), gradient(one, logits, targets))
    torch.testing.assert_close(apart.correction(), one.correction()) if name != "asl" else None
    torch.testing.assert_close(apart.probabilities(logits), one.probabilities(logits))
    torch.testing.assert_close(apart.corrected(logits), one.corrected(logits))


def test_a_softmax_beside_cells_counts_one_term_a_product():
    logits, targets = batch()
    objective = made("none;fit=softmax")
    softmax = part("softmax", FIT, groups=[[0, 1, 2]])
    rest = sorted(SLEEVE + COLOUR)
    cells = part("none", rest)
    a, few = softmax.with_terms(logits[:, FIT], targets[:, FIT])
    b, many = cells.with_terms(logits[:, rest], targets[:, rest])
    assert few == 8
    torch.testing.assert_close(objective(logits, targets), (a * few + b * many) / (few + many))
    assert objective.unreduced(logits, targets).shape == (9 + 9 * 4,)
    assert not objective.elementwise
    with pytest.raises(UsageError, match="softmax has no derivative"):
        objective.unreduced_with_slopes(logits, targets)


def test_unknown_cells_take_no_part():
    logits, targets = batch()
    objective = made()
    moved = torch.where(targets < 0, logits + 7, logits)
    torch.testing.assert_close(objective(moved, targets), objective(logits, targets))
    nothing = torch.full_like(targets, -1)
    assert gradient(objective, logits, nothing).abs().sum() == 0


def test_what_training_adds_is_that_of_each_attribute():
    logits, _ = batch()
    objective = made("none;colour=inverse_frequency;fit=effective_number:beta=0.9")
    shift = torch.zeros(7)
    for name, columns in (("inverse_frequency", COLOUR), ("effective_number:beta=0.9", FIT)):
        shift[columns] = part(name, columns).correction()
    torch.testing.assert_close(objective.correction(), shift)
    torch.testing.assert_close(objective.corrected(logits), logits - shift)
    # asl has no constant; zlpr tells no probabilities, and its logits stay.
    other = made("none;colour=asl;sleeve=zlpr")
    assert other.correction() is None
    corrected = other.corrected(logits)
    torch.testing.assert_close(corrected[:, FIT + SLEEVE], logits[:, FIT + SLEEVE])
    torch.testing.assert_close(
        corrected[:, COLOUR].sigmoid(), part("asl", COLOUR).probabilities(logits[:, COLOUR])
    )
    with pytest.raises(UsageError, match="zlpr do not tell probabilities"):
        other.probabilities(logits)


def test_statistics_epochs_and_state_go_to_every_part():
    objective = made("none;sleeve=inverse_frequency:defer=2")
    assert objective.positives.tolist() == POSITIVES
    assert objective.known.tolist() == KNOWN
    assert (objective.positive_weight == 1).all()
    objective.set_epoch(2)
    assert objective.epoch == 2
    weights = part("inverse_frequency", SLEEVE).positive_weight
    torch.testing.assert_close(objective.positive_weight[SLEEVE], weights)
    _, targets = batch()
    objective.update(targets)
    assert objective.known.tolist() == [
        known + int(more) for known, more in zip(KNOWN, (targets >= 0).sum(0), strict=True)
    ]
    fresh = made("none;sleeve=inverse_frequency:defer=2")
    fresh.load_state_dict(objective.state_dict())
    torch.testing.assert_close(fresh.positive_weight, objective.positive_weight)
    assert fresh.epoch == 2
    copied = copy.deepcopy(objective)
    torch.testing.assert_close(copied(*batch()), objective(*batch()))


def test_the_table_of_weights_has_every_label():
    rows = weights_table(made("none;colour=inverse_frequency"), SPACE.labels)
    assert [row["label"] for row in rows] == list(SPACE.labels)
    assert rows[0]["w+"] == 1
    assert rows[4]["w+"] == pytest.approx(900 / (2 * 3))
    assert rows[4]["shift"] == pytest.approx(np.log(897 / 3))


@pytest.mark.parametrize("specification", [MIXED, "asl;fit=softmax"])
def test_compiles_whole_to_the_same(specification):
    torch.compiler.reset()
    logits, targets = batch()
    objective = made(specification)
    expected = gradient(objective, logits, targets)
    compiled = torch.compile(objective, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(gradient(compiled, logits, targets), expected)


def test_one_objective_for_all_is_no_mixture():
    assert not isinstance(made("asl:gamma_neg=2"), ObjectiveByAttribute)
    assert made("softmax").loss.count == 5


def test_a_specification_is_read():
    assert split_specification(" asl : gamma_neg=2 ; fit = none") == (
        "asl : gamma_neg=2",
        {"fit": "none"},
    )
    assert split_specification("fit=softmax:tau=1;colour=asl+inverse_sqrt") == (
        "none",
        {"fit": "softmax:tau=1", "colour": "asl+inverse_sqrt"},
    )
    found = assign("asl;fit=none;colour=none", SPACE)
    assert [(name, columns.tolist()) for name, columns in found] == [
        ("asl", SLEEVE),
        ("none", sorted(COLOUR + FIT)),
    ]
    # No label is left for the default.
    assert len(assign("asl;fit=none;colour=none;sleeve=focal", SPACE)) == 2


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("none;sleves=asl", "no attribute is called 'sleves'; there are sleeve, "),
        ("none;asl", "none and asl are both for the attributes that are not named"),
        ("sleeve=asl;sleeve=none", "sleeve is given twice"),
        ("sleeve=als", "no objective is called 'als'; there are asl"),
        ("sleeve=asl,fit=none", "put ; between attributes"),
        ("sleeve=", "no objective is called ''"),
        ("sleeve=softmax", "a product can have several of sleeve, or none"),
        ("none;sleeve=asl:reduction=sum", r"one reduction .*'mean', 'sum'"),
        ("sleeve=effective_number:beta=auto", "auto is chosen while fitting"),
    ],
)
def test_what_makes_no_sense_is_told(specification, message):
    with pytest.raises(UsageError, match=message):
        made(specification)


def test_the_number_of_labels_is_checked():
    with pytest.raises(UsageError, match=r"must both have the shape \(batch, 7\)"):
        made()(torch.zeros(2, 6), torch.zeros(2, 6))
