from __future__ import annotations

import pytest

from longtailor.errors import UsageError
from longtailor.objectives import names, parse


@pytest.mark.parametrize(
    ("text", "name", "given"),
    [
        ("bce", "none", {}),
        ("none", "none", {}),
        (" asl ", "asl", {}),
        ("effective_number:beta=0.99", "effective_number", {"beta": 0.99}),
        ("effective_number:beta=auto", "effective_number", {"beta": "auto"}),
        ("effective_number+bce", "effective_number", {}),
        (
            "effective_number+asl: gamma_neg=4, beta=0.99",
            "asl+effective_number",
            {"gamma_neg": 4.0, "beta": 0.99},
        ),
        ("ntr+distribution_balanced", "db", {}),
        ("focal:alpha=none", "focal", {"alpha": None}),
        ("splc:start=3,reduction=sum", "splc", {"start": 3, "reduction": "sum"}),
        (
            "inverse_sqrt:reading=label,cap=10,defer=2",
            "inverse_sqrt",
            {"reading": "label", "cap": 10.0, "defer": 2},
        ),
    ],
)
def test_reads(text, name, given):
    assert parse(text) == (name, given)


def test_every_name_is_its_own_canonical_name():
    assert [parse(name)[0] for name in names()] == names()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("focl", r"no objective is called 'focl'; there are focal, "),
        ("effectve_number", r"there are effective_number, "),
        ("", "no objective is called ''"),
        ("asl+focal", "asl and focal are both losses"),
        ("db+inverse_sqrt", "both weightings"),
        ("effective_number:bta=1", r"no parameter 'bta'; it has beta, "),
        ("asl:beta=0.9", "asl has no parameter 'beta'"),
        ("effective_number:beta=1", r"beta=1 is not in its range \[0, 1\)"),
        ("effective_number:beta=-0.1", "not in its range"),
        ("effective_number:beta=nan", "not in its range"),
        ("effective_number:beta=much", "not in its range"),
        ("asl:margin=auto", "not in its range"),
        ("splc:start=1.5", "whole"),
        ("asl:gamma_neg", "write 'gamma_neg' as parameter=value"),
        ("asl:margin=0,margin=0.1", "given twice"),
        ("none:unknown=positive", r"ignore \| assume_negative \| selective"),
    ],
)
def test_refuses_by_name(text, says):
    with pytest.raises(UsageError, match=says):
        parse(text)
