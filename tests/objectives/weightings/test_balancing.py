"""The weightings by label, against loops over labels written from the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longtailor.errors import UsageError
from longtailor.objectives import build

POSITIVES = [6, 100, 500, 40, 1]
KNOWN = [1000, 800, 1000, 60, 2]


def effective(n: int, beta: float) -> float:
    return (1 - beta**n) / (1 - beta) if beta else 1.0


RARITY = {
    "inverse_frequency": lambda n, known: known / n,
    "inverse_sqrt": lambda n, known: (known / n) ** 0.5,
    "effective_number:beta=0": lambda n, known: 1.0,
    "effective_number:beta=0.9": lambda n, known: 1 / effective(n, 0.9),
    "effective_number": lambda n, known: 1 / effective(n, 0.999),
}


@pytest.mark.parametrize("name", RARITY)
def test_balancing(name):
    objective = build(name, positives=POSITIVES, known=KNOWN)
    for label, (n, known) in enumerate(zip(POSITIVES, KNOWN, strict=True)):
        rare, common = RARITY[name](n, known), RARITY[name](known - n, known)
        scale = known / (n * rare + (known - n) * common)
        assert objective.positive_weight[label].item() == pytest.approx(scale * rare, rel=1e-5)
        assert objective.negative_weight[label].item() == pytest.approx(scale * common, rel=1e-5)
        shift = np.log(rare / common)
        assert objective.correction()[label].item() == pytest.approx(shift, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", RARITY)
def test_label(name):
    objective = build(name, positives=POSITIVES, known=[1000] * 5, reading="label")
    raw = [RARITY[name](n, 1000) for n in POSITIVES]
    expected = torch.tensor([5 * weight / sum(raw) for weight in raw])
    torch.testing.assert_close(objective.positive_weight, expected)
    assert objective.positive_weight is not objective.negative_weight
    torch.testing.assert_close(objective.negative_weight, expected)
    assert (objective.correction() == 0).all()


@pytest.mark.parametrize("name", RARITY)
@pytest.mark.parametrize("reading", ["balancing", "label"])
def test_known_cells_weigh_one_on_average(name, reading):
    objective = build(name, positives=POSITIVES, known=KNOWN, reading=reading)
    positives, known = torch.tensor(POSITIVES), torch.tensor(KNOWN)
    mass = positives * objective.positive_weight + (known - positives) * objective.negative_weight
    assert mass.sum().item() == pytest.approx(sum(KNOWN), rel=1e-5)


def test_inverse_frequency_is_scikit_learns_balanced():
    from sklearn.utils.class_weight import compute_class_weight

    column = np.array([1] * 6 + [0] * 94)
    expected = compute_class_weight("balanced", classes=np.array([0, 1]), y=column)
    objective = build("inverse_frequency", positives=[6], known=[100])
    assert objective.negative_weight.item() == pytest.approx(expected[0])
    assert objective.positive_weight.item() == pytest.approx(expected[1])


@pytest.mark.parametrize(
    ("ours", "method"), [("inverse_frequency", "inv_freq"), ("effective_number", "effective_num")]
)
def test_label_reading_is_timms(ours, method):
    from timm.loss.class_weights import compute_class_weights

    kind, expected = compute_class_weights(POSITIVES, 1000, method=method)
    assert kind == "class_weight"
    objective = build(ours, positives=POSITIVES, known=[1000] * 5, reading="label")
    torch.testing.assert_close(objective.positive_weight, expected)


def test_effective_number_has_its_limits():
    counts = {"positives": POSITIVES, "known": KNOWN}
    inverse = build("inverse_frequency", **counts)
    near = build("effective_number", beta=1 - 1e-12, **counts)
    torch.testing.assert_close(near.positive_weight, inverse.positive_weight)
    torch.testing.assert_close(near.negative_weight, inverse.negative_weight)
    assert (build("effective_number", beta=0, **counts).positive_weight == 1).all()


def test_median_frequency_is_the_papers():
    objective = build("median_frequency", positives=[10, 20, 80, 5], known=[100, 100, 100, 100])
    torch.testing.assert_close(objective.positive_weight, torch.tensor([1.5, 0.75, 0.1875, 3.0]))
    with pytest.raises(UsageError, match="reading=balancing makes no sense"):
        build("median_frequency:reading=balancing", positives=[1], known=[2])


@pytest.mark.parametrize("name", ["inverse_frequency", "inverse_sqrt", "effective_number"])
def test_a_one_sided_label_has_nothing_to_balance(name):
    objective = build(name, positives=[0, 50, 0, 7], known=[50, 50, 0, 50])
    assert (objective.positive_weight[:3] == 1).all()
    assert (objective.negative_weight[:3] == 1).all()
    assert objective.positive_weight[3] > 1
    by_label = build(name, positives=[0, 50, 0, 1], known=[50, 50, 50, 50], reading="label")
    assert by_label.positive_weight.isfinite().all()
    assert by_label.positive_weight[0] == by_label.positive_weight[3]
    nothing = build(name, positives=[0, 0], known=[0, 0], reading="label")
    assert (nothing.positive_weight == 1).all()


def test_cap():
    objective = build("inverse_frequency", positives=POSITIVES, known=KNOWN, cap=5)
    free = build("inverse_frequency", positives=POSITIVES, known=KNOWN)
    torch.testing.assert_close(objective.positive_weight, free.positive_weight.clamp(max=5))
    expected = torch.log(objective.positive_weight / objective.negative_weight)
    torch.testing.assert_close(objective.correction(), expected)
