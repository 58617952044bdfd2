from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize
from scipy.special import expit, log_expit, logit

from longtailor.evaluation import thresholds
from longtailor.evaluation.decisions import judge
from longtailor.evaluation.thresholds import calibrate, choose_thresholds, expected_f1_thresholds
from longtailor.objectives import build_from_matrix
from longtailor.training.design import Design
from longtailor.training.linear import fit_linear

LABELS = 24
GROUPS = [np.arange(first, LABELS, 4) for first in range(4)]


def draw(seed: int, products: int = 800, labels: int = LABELS):
    """Logits that tell half of the truth, and labels from 0.3 % to 40 %."""
    random = np.random.default_rng(seed)
    signal = random.normal(size=(products, labels))
    logits = 1.5 * signal + logit(np.geomspace(0.003, 0.4, labels))
    matrix = (random.random(logits.shape) < expit(logits)).astype(np.int8)
    return logits + random.normal(scale=0.5, size=logits.shape), matrix


def catalogue(seed: int, products: int, labels: int = LABELS, dim: int = 32):
    """Embeddings and long-tailed labels that an affine function of them explains."""
    world = np.random.default_rng(1000)
    basis, directions = world.normal(size=(12, dim)), world.normal(size=(dim, labels))
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(products, 12)) @ basis
    embeddings += 0.5 * random.normal(size=embeddings.shape)
    scores = embeddings @ directions
    scores *= 1.5 / scores.std(axis=0)
    for label, share in enumerate(np.geomspace(0.003, 0.4, labels)):
        column = scores[:, label]
        column += brentq(lambda b, z=column, s=share: expit(z + b).mean() - s, -30, 30)
    matrix = (random.random(scores.shape) < expit(scores)).astype(np.int8)
    return embeddings.astype(np.float32), matrix


def test_in_the_open_interval_and_by_the_seed():
    logits, matrix = draw(0)
    chosen = choose_thresholds(logits, matrix, GROUPS, seed=5)
    assert chosen.shape == (LABELS,)
    assert ((chosen > 0) & (chosen < 1)).all()
    np.testing.assert_array_equal(chosen, choose_thresholds(logits, matrix, GROUPS, seed=5))


def test_without_a_correction_is_with_a_correction_of_zero():
    logits, matrix = draw(1)
    np.testing.assert_array_equal(
        choose_thresholds(logits, matrix, GROUPS),
        choose_thresholds(logits, matrix, GROUPS, np.zeros(LABELS)),
    )


def test_what_the_objective_adds_moves_the_expected_optimum_along():
    logits, matrix = draw(2)
    shift = np.random.default_rng(0).normal(scale=2, size=LABELS)
    plain = expected_f1_thresholds(logits, matrix, GROUPS)
    moved = expected_f1_thresholds(logits + shift, matrix, GROUPS, shift)
    np.testing.assert_allclose(logit(moved), logit(plain) + shift, atol=1e-9)


def test_unknown_cells_take_no_part():
    logits, matrix = draw(3)
    unknown = np.random.default_rng(0).random(matrix.shape) < 0.3
    matrix[unknown] = -1
    other = np.where(unknown, -logits, logits)
    np.testing.assert_array_equal(
        choose_thresholds(logits, matrix, GROUPS), choose_thresholds(other, matrix, GROUPS)
    )


def test_calibrated_probabilities_are_left_nearly_alone_and_skewed_ones_mended():
    random = np.random.default_rng(4)
    truth = random.normal(-1, 1.5, size=(4000, 6))
    matrix = (random.random(truth.shape) < expit(truth)).astype(np.int8)
    groups = [np.arange(3), np.arange(3, 6)]
    for skewed in (truth, 2.5 * truth + 2):
        error = calibrate(skewed, matrix, groups) - truth
        assert np.sqrt((error**2).mean()) < 0.15


def test_the_calibration_is_the_most_probable_one():
    """The slope and offset of an attribute against SciPy's minimiser."""
    random = np.random.default_rng(5)
    logits = random.normal(size=(60, 3))
    matrix = random.integers(-1, 2, (60, 3)).astype(np.int8)
    known = matrix >= 0
    sign = 2.0 * (matrix[known] == 1) - 1

    def attribute(parameters):
        slope, offset = parameters
        return (
            -log_expit(sign * (slope * logits[known] + offset)).sum()
            + thresholds.SLOPE_PRECISION * (slope - 1) ** 2 / 2
            + thresholds.OFFSET_PRECISION * offset**2 / 2
        )

    slope, offset = minimize(attribute, [1.0, 0.0], tol=1e-10).x
    expected = max(slope, 0.05) * logits + offset
    for label in range(3):
        at = known[:, label]
        signs = 2.0 * (matrix[at, label] == 1) - 1

        def own(move, base=expected[at, label], signs=signs):
            loss = -log_expit(signs * (base + move[0])).sum()
            return loss + thresholds.LABEL_PRECISION * move[0] ** 2 / 2

        expected[:, label] += minimize(own, [0.0], tol=1e-10).x[0]
    np.testing.assert_allclose(calibrate(logits, matrix, [np.arange(3)]), expected, atol=1e-4)


def test_calibration_leaves_its_input_alone_and_never_turns_a_ranking_round():
    random = np.random.default_rng(6)
    logits = random.normal(size=(500, 2))
    matrix = (random.random(logits.shape) < expit(-3 * logits)).astype(np.int8)
    before = logits.copy()
    calibrated = calibrate(logits, matrix, [np.arange(2)])
    np.testing.assert_array_equal(logits, before)
    order = np.argsort(logits[:, 0])
    assert (np.diff(calibrated[order, 0]) > 0).all()


def test_with_many_positives_the_threshold_is_the_best_for_f1():
    random = np.random.default_rng(7)
    truth = random.normal(-2, 2, size=(20_000, 2))
    matrix = (random.random(truth.shape) < expit(truth)).astype(np.int8)
    chosen = expected_f1_thresholds(truth, matrix, [np.arange(2)])
    reached = judge(expit(truth) >= chosen, matrix).f1
    best = [
        max(judge(expit(truth) >= cut, matrix).f1[label] for cut in np.linspace(0.02, 0.98, 97))
        for label in range(2)
    ]
    np.testing.assert_allclose(reached, best, atol=0.005)


@pytest.mark.parametrize("spread", [0.0, 1e-3, 0.3, 1.5])
@pytest.mark.parametrize("level", [-9.0, -4.0, -1.0, 2.0])
def test_a_label_without_a_positive_does_not_fire_on_everything(spread, level):
    """Not even where the classifier knows nothing of it and F1 is expected highest so."""
    random = np.random.default_rng(8)
    matrix = np.zeros((600, 4), np.int8)
    logits = np.empty(matrix.shape)
    for label, share in enumerate((0.4, 0.2, 0.0, 0.0)):
        matrix[:, label] = random.random(600) < share
        logits[:, label] = logit(max(share, 0.1)) + 2 * (matrix[:, label] - share)
    logits[:, :2] += random.normal(size=(600, 2))
    logits[:, 2:] = level + spread * random.normal(size=(600, 2))
    # The objective is to blame for the level, as inverse frequency would be.
    correction = np.array([0.0, 0.0, level + 5, level + 5])
    val, new = slice(0, 300), slice(300, 600)
    for groups in ([np.arange(4)], [np.array([0, 2]), np.array([1, 3])]):
        chosen = choose_thresholds(logits[val], matrix[val], groups, correction)
        fired = (expit(logits[new]) >= chosen).mean(axis=0)
        assert (fired[2:] <= 0.1).all(), (fired, chosen)


def test_a_label_that_is_all_unknown_is_bounded_by_what_its_logits_promise():
    logits, matrix = draw(9)
    matrix[:, :8] = -1
    chosen = choose_thresholds(logits, matrix, GROUPS)
    fired = (expit(logits) >= chosen).mean(axis=0)[:8]
    promised = expit(logits[:, :8]).mean(axis=0)
    assert (fired <= thresholds.MOST_PREDICTED * 2 * promised).all()
    assert (fired < 0.25).all()


@pytest.mark.parametrize("products", [0, 1, 2, 3])
def test_few_products(products):
    logits, matrix = draw(10)
    for first in range(0, 40, 4):
        rows = slice(first, first + products)
        chosen = choose_thresholds(logits[rows], matrix[rows], GROUPS)
        assert ((chosen > 0) & (chosen < 1)).all()
        fired = (expit(logits) >= chosen).mean(axis=0)
        assert fired[:8].max() < 0.5
    if not products:
        np.testing.assert_array_equal(chosen, 0.5)


def test_with_nothing_known():
    logits, matrix = draw(11)
    chosen = choose_thresholds(logits, np.full_like(matrix, -1), GROUPS)
    assert ((chosen > 0) & (chosen < 1)).all()


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_huge_logits(scale):
    random = np.random.default_rng(12)
    sure = scale * random.choice([-1.0, 1.0], size=(100, 4))
    spread = scale * random.normal(size=(100, 4))
    matrix = random.integers(-1, 2, (100, 4)).astype(np.int8)
    for logits in (sure, spread):
        chosen = choose_thresholds(logits, matrix, [np.arange(4)])
        assert ((chosen > 0) & (chosen < 1)).all()


def test_sure_logits_that_are_right_stay_right():
    matrix = np.random.default_rng(13).integers(0, 2, (100, 4)).astype(np.int8)
    logits = 1e4 * (2.0 * matrix - 1)
    chosen = choose_thresholds(logits, matrix, [np.arange(4)])
    np.testing.assert_array_equal(judge(expit(logits) >= chosen, matrix).f1, 1.0)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(wrong):
    logits, matrix = draw(14, products=40)
    logits[3, 2] = wrong
    with pytest.raises(ValueError, match="finite"):
        choose_thresholds(logits, matrix, GROUPS)


def tuned_label_by_label(logits, matrix):
    """The usual way: the cut with the highest F1 among the validation products."""
    cuts = np.zeros(logits.shape[1])
    for label in range(logits.shape[1]):
        order = np.argsort(-logits[:, label])
        hits = np.cumsum(matrix[order, label])
        if hits[-1]:
            last = np.argmax(2 * hits / (np.arange(1, len(hits) + 1) + hits[-1]))
            cuts[label] = logits[order[last : last + 2], label].mean()
    return expit(cuts)


@pytest.mark.parametrize("objective", ["none", "inverse_frequency", "effective_number:beta=0.999"])
def test_over_resamples_they_do_not_lose_to_a_half_and_beat_tuning_for_rare_labels(objective):
    """Ten catalogues of 600 training, 300 validation and 3,100 test products."""
    against_half, against_tuned = [], []
    for seed in range(10):
        embeddings, matrix = catalogue(seed, 4000)
        learned = matrix[:600].sum(axis=0) >= 2
        matrix = matrix[:, learned]
        groups = [
            np.flatnonzero(np.isin(np.flatnonzero(learned), group))
            for group in GROUPS
            if learned[group].any()
        ]
        train, val, test = np.split(np.arange(4000), [600, 900])
        design = Design.of(torch.from_numpy(embeddings[train]))
        built = build_from_matrix(objective, matrix[train])
        fitted = fit_linear(design, torch.from_numpy(matrix[train]).float(), built, 0.3)
        with torch.no_grad():
            logits = design.fold(fitted.parameters)(torch.from_numpy(embeddings)).double().numpy()
        chosen = choose_thresholds(
            logits[val], matrix[val], groups, built.correction().double().numpy(), seed
        )
        tuned = tuned_label_by_label(logits[val], matrix[val])
        ours, half, theirs = (
            judge(expit(logits[test]) >= cut, matrix[test]).f1 for cut in (chosen, 0.5, tuned)
        )
        rare = matrix[train].sum(axis=0) < 20
        against_half.append(np.nanmean(ours) - np.nanmean(half))
        against_tuned.append(np.nanmean(ours[rare]) - np.nanmean(theirs[rare]))
    assert np.mean(against_half) > (0.1 if objective == "none" else -0.002)
    assert np.mean(against_tuned) > 0
