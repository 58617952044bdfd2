from __future__ import annotations

import pytest

from longtailor.errors import UsageError
from longtailor.objectives import build, describe, family, names, weights_table
from longtailor.objectives.names import settings_of


def test_the_family_has_every_name_asked_for():
    assert [name for name, _, _ in family()] == names()
    assert set(names()) >= {
        "none",
        "inverse_frequency",
        "inverse_sqrt",
        "median_frequency",
        "effective_number",
        "distribution_balanced",
        "focal",
        "asl",
        "poly1",
        "db",
        "logit_adjusted",
        "ldam",
        "hill",
        "splc",
        "zlpr",
        "two_way",
        "softmax",
    }


@pytest.mark.parametrize("name", [*names(), "asl+effective_number"])
def test_says_formula_source_and_every_parameter(name):
    text = describe(name)
    assert "formula" in text
    assert "source" in text
    assert "When to use it" in text
    assert "When not" in text
    for parameter in settings_of(name):
        assert f"  {parameter.name} = " in text


def test_shows_what_was_given():
    assert "beta = 0.999, here 0.9" in describe("effective_number:beta=0.9")
    with pytest.raises(UsageError, match="no objective is called"):
        describe("foo")


def test_weights_table():
    objective = build("inverse_frequency", positives=[10, 50], known=[100, 100])
    rows = weights_table(objective, ["a:x", "a:y"])
    assert (rows[0]["label"], rows[0]["positive"], rows[0]["known"]) == ("a:x", 10, 100)
    assert rows[0]["w+"] == pytest.approx(5)
    assert rows[0]["w-"] == pytest.approx(5 / 9)
    assert rows[0]["shift"] == pytest.approx(2.1972246)
    assert rows[1]["w+"] == rows[1]["w-"] == 1
    with pytest.raises(UsageError, match="weighs cells, not labels"):
        weights_table(build("db", positives=[1], known=[2]), ["a"])
