from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from longtailor.catalog import TEST, TRAIN, VAL
from longtailor.errors import LongtailorError, UsageError
from longtailor.fitting import Embedded, FitOptions, fit_detector
from longtailor.studies import fits as module
from longtailor.studies.draws import annotate
from longtailor.studies.fits import (
    DrawnData,
    FitTask,
    check_objectives,
    check_parts,
    fingerprint_of,
    run_fits,
)
from longtailor.studies.results import StudyFit
from longtailor.training.deep.options import FineTuning

Tasks = list[tuple[FitTask, DrawnData]]


def tasks_on(
    data: Embedded, objectives: tuple[str, ...] = ("none", "asl"), seeds: int = 2
) -> Tasks:
    tasks: Tasks = []
    for seed in range(seeds):
        drawn = DrawnData(data, annotate(data.catalog, seed).draw())
        tasks += [(FitTask(name, seed), drawn) for name in objectives]
    return tasks


def bits(fit: StudyFit) -> tuple[object, ...]:
    arrays = (fit.probabilities, fit.corrected, fit.thresholds, fit.train_positive)
    return (fit.penalty, *(array.tobytes() for array in arrays))


def test_a_fit_is_that_of_the_main_job_on_the_drawn_products(embedded_shop: Embedded) -> None:
    objective = "inverse_frequency"
    draw = annotate(embedded_shop.catalog, 1).draw(0.6)
    task = FitTask(objective, 1, 0.6)
    fits, failures = run_fits(embedded_shop, [(task, DrawnData(embedded_shop, draw))])
    assert not failures
    split = np.full(len(embedded_shop.catalog), "", dtype="<U5")
    split[embedded_shop.catalog.in_split(TEST)] = TEST
    split[draw.train], split[draw.val] = TRAIN, VAL
    data = replace(embedded_shop, catalog=replace(embedded_shop.catalog, split=split))
    detector, fitted = fit_detector(data, FitOptions(objective=objective, seed=1))
    test = data.of(TEST)
    fit = fits[task]
    np.testing.assert_allclose(fit.probabilities, detector.probabilities(test), atol=1e-4)
    np.testing.assert_allclose(
        fit.corrected, detector.probabilities(test, corrected=True), atol=1e-4
    )
    np.testing.assert_allclose(fit.thresholds, detector.thresholds, atol=1e-3)
    np.testing.assert_array_equal(
        fit.train_positive, (embedded_shop.catalog.matrix[draw.train] == 1).sum(axis=0)
    )
    assert fit.penalty == fitted.chosen.penalty
    assert (fit.objective, fit.seed) == (objective, 1)


def test_figures_do_not_depend_on_the_number_of_workers(embedded_shop: Embedded) -> None:
    tasks = tasks_on(embedded_shop, ("none", "effective_number", "softmax"))
    threads = torch.get_num_threads()
    alone, _ = run_fits(embedded_shop, tasks, workers=1)
    together, _ = run_fits(embedded_shop, tasks, workers=4)
    assert torch.get_num_threads() == threads
    assert list(alone) == list(together) == [task for task, _ in tasks]
    for task in alone:
        assert bits(alone[task]) == bits(together[task])


def test_an_attribute_alone_is_fitted_on_the_same_products(embedded_shop: Embedded) -> None:
    (_, drawn), *_ = tasks_on(embedded_shop)
    alone, together = FitTask("none", 0, attribute="sleeve"), FitTask("none", 0)
    fits, _ = run_fits(embedded_shop, [(alone, drawn), (together, drawn)])
    columns = embedded_shop.catalog.space.groups["sleeve"]
    assert fits[alone].probabilities.shape == (fits[together].probabilities.shape[0], len(columns))
    np.testing.assert_array_equal(
        fits[alone].train_positive, fits[together].train_positive[columns]
    )


def test_what_a_draw_shares_is_dropped_when_its_fits_are_done(embedded_shop: Embedded) -> None:
    tasks = tasks_on(embedded_shop)
    run_fits(embedded_shop, tasks)
    assert all(drawn._design is None for _, drawn in tasks)


def test_a_failing_fit_is_told_and_the_rest_is_finished(
    embedded_shop: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(data: Embedded, options: FitOptions, **more: Any) -> Any:
        if options.objective == "asl" and options.seed == 1:
            raise RuntimeError("no minimum")
        return fit_detector(data, options, **more)

    monkeypatch.setattr(module, "fit_detector", broken)
    tasks = tasks_on(embedded_shop)
    fits, failures = run_fits(embedded_shop, tasks)
    assert len(fits) == 3
    ((task, failure),) = failures
    assert task == FitTask("asl", 1)
    assert (failure.objective, failure.seed) == ("asl", 1)
    assert "no minimum" in failure.reason


def test_when_all_fail_there_is_no_study(
    embedded_shop: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **more: Any) -> Any:
        raise LongtailorError("nothing can be learned")

    monkeypatch.setattr(module, "fit_detector", broken)
    with pytest.raises(LongtailorError, match="all 4 fits failed; the first: nothing can be"):
        run_fits(embedded_shop, tasks_on(embedded_shop))


def test_a_full_disk_is_no_failure_of_a_fit(embedded_shop: Embedded, tmp_path: Path) -> None:
    (tmp_path / "fits").write_text("a file")
    threads = torch.get_num_threads()
    with pytest.raises(LongtailorError, match="cannot write"):
        run_fits(embedded_shop, tasks_on(embedded_shop), tmp_path / "fits")
    assert torch.get_num_threads() == threads


def test_finished_fits_are_not_made_again(
    embedded_shop: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tasks_on(embedded_shop)
    first, _ = run_fits(embedded_shop, tasks[:3], tmp_path)
    made = []

    def counted(data: Embedded, options: FitOptions, **more: Any) -> Any:
        made.append((options.objective, options.seed))
        return fit_detector(data, options, **more)

    monkeypatch.setattr(module, "fit_detector", counted)
    fits, _ = run_fits(embedded_shop, tasks, tmp_path)
    assert made == [("asl", 1)]
    for task, _ in tasks[:3]:
        assert bits(fits[task]) == bits(first[task])
        assert fits[task].seconds == first[task].seconds


def test_other_data_have_another_fingerprint(embedded_shop: Embedded) -> None:
    catalog = embedded_shop.catalog
    matrix = catalog.matrix.copy()
    matrix[0, 0] = 1 - matrix[0, 0]
    others = [
        replace(embedded_shop, catalog=replace(catalog, matrix=matrix)),
        replace(embedded_shop, catalog=replace(catalog, split=catalog.split[::-1].copy())),
        replace(embedded_shop, catalog=replace(catalog, group=np.array(["g"] * len(catalog)))),
        replace(embedded_shop, embeddings=embedded_shop.embeddings * np.float32(1.5)),
    ]
    found = {fingerprint_of(data) for data in (embedded_shop, *others)}
    found |= {fingerprint_of(embedded_shop, FineTuning(epochs=epochs)) for epochs in (1, 2)}
    assert len(found) == 7
    assert fingerprint_of(embedded_shop) in found


@pytest.mark.parametrize(
    ("objectives", "told"),
    [
        (("none", "nothing"), "nothing"),
        (("none", "effective_number:gamma=1"), "gamma"),
        (("effective_number", "bce+effective_number"), "the same as .effective_number."),
        (("asl:gamma_neg=4,gamma_pos=1", "asl:gamma_pos=1,gamma_neg=4"), "give it once"),
    ],
)
def test_objectives_are_refused_before_anything_starts(
    objectives: tuple[str, ...], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        check_objectives(objectives)


def test_parts_that_do_not_combine_are_refused(embedded_shop: Embedded) -> None:
    catalog = embedded_shop.catalog
    check_parts(("none", "effective_number:beta=auto", "softmax"), catalog.matrix, catalog.space)
    with pytest.raises(UsageError, match="do not combine"):
        check_parts(("softmax+distribution_balanced",), catalog.matrix, catalog.space)
