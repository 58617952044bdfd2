from __future__ import annotations

import pytest

from longtailor.training.deep.budget import Budget, Plan, affordable_steps


def test_as_many_whole_epochs_as_fit():
    # An epoch takes 10 x 2 + 5 seconds.
    plan = {"done": 0, "epoch": 10, "most": 50, "step": 2.0, "validation": 5.0}
    assert affordable_steps(left=1000, **plan) == 50
    assert affordable_steps(left=125, **plan) == 50
    assert affordable_steps(left=124, **plan) == 40
    assert affordable_steps(left=25, **plan) == 10


def test_part_of_an_epoch_where_no_whole_one_fits():
    plan = {"epoch": 10, "most": 50, "step": 2.0, "validation": 5.0}
    assert affordable_steps(done=0, left=17, **plan) == 6
    assert affordable_steps(done=3, left=9, **plan) == 5
    # There is always a step to measure after.
    assert affordable_steps(done=0, left=-1, **plan) == 1
    assert affordable_steps(done=4, left=-1, **plan) == 4


def test_what_is_done_is_not_planned_again():
    plan = {"epoch": 10, "most": 50, "step": 2.0, "validation": 5.0}
    # In the third epoch: 6 steps and a validation to its end.
    assert affordable_steps(done=24, left=17, **plan) == 30
    assert affordable_steps(done=24, left=42, **plan) == 40


def test_the_rate_goes_on_from_where_it_is():
    plan = Plan(100)
    assert plan.progress(25) == 0.25
    plan.change(50, 25)
    assert plan.progress(25) == 0.25
    assert plan.progress(50) == 1.0
    assert plan.progress(40) == pytest.approx(0.25 + 0.75 * 15 / 25)
    plan.change(30, 40)
    assert plan.progress(41) == 1.0


def test_what_follows_the_training_is_estimated_until_it_is_measured():
    budget = Budget(Plan(50), 100.0, 0.0, products_after=60, products_val=20, fixed=7.0)
    budget.validation_estimate = 2.0
    assert budget._validation() == 2.0
    assert budget._after() == pytest.approx(7 + 60 * 2 / 20)
    budget.validation_seconds = 4.0
    assert budget._validation() == 4.0
    assert budget._after() == pytest.approx(7 + 60 * 4 / 20)
    assert Budget(Plan(50), 100.0, 0.0, 60, 0, 7.0)._after() == 7.0
