from __future__ import annotations

import pytest

from longtailor.training.deep.schedule import rate_factor


@pytest.mark.parametrize(("schedule", "top"), [("one-cycle", 0.25), ("cosine", 0.05)])
def test_rises_to_the_top_and_falls_to_almost_nothing(schedule, top):
    factors = [rate_factor(step / 200, schedule) for step in range(201)]
    highest = factors.index(max(factors))
    assert highest == round(200 * top)
    assert factors[highest] == 1
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[-1] == pytest.approx(1e-3)
    assert factors[: highest + 1] == sorted(factors[: highest + 1])
    assert factors[highest:] == sorted(factors[highest:], reverse=True)
    assert rate_factor(2.0, schedule) == pytest.approx(1e-3)
