from __future__ import annotations

import pytest

from longtailor.cli.options import numbers, objective_names
from longtailor.errors import UsageError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("none", ["none"]),
        ("none,asl, db", ["none", "asl", "db"]),
        (
            "none,effective_number:beta=0.99,cap=10,asl",
            ["none", "effective_number:beta=0.99,cap=10", "asl"],
        ),
        (
            "asl+effective_number:gamma_neg=4, beta=0.99 ,focal:gamma=2",
            ["asl+effective_number:gamma_neg=4,beta=0.99", "focal:gamma=2"],
        ),
        ("none;focal:gamma=2,alpha=0.5;asl", ["none", "focal:gamma=2,alpha=0.5", "asl"]),
        (" ;,none,; asl,", ["none", "asl"]),
        # Nothing before it could take the parameter: it is refused as an objective, by name.
        ("cap=10,none", ["cap=10", "none"]),
        # There is no attribute of that name.
        ("none;cap=10", ["none;cap=10"]),
        ("none;sleeve=asl,focal", ["none;sleeve=asl", "focal"]),
        (
            "db;sleeve=asl:gamma_neg=2;colour = none;hill",
            ["db;sleeve=asl:gamma_neg=2;colour = none", "hill"],
        ),
        ("", []),
    ],
)
def test_a_list_of_objectives(text: str, names: list[str]) -> None:
    assert objective_names(text) == names


def test_numbers() -> None:
    assert numbers("0.1, 0.5,1", float, "--budgets") == [0.1, 0.5, 1.0]
    assert numbers("3,6", int, "--positives") == [3, 6]
    with pytest.raises(UsageError, match=r"--positives '3,a': give whole numbers"):
        numbers("3,a", int, "--positives")
    with pytest.raises(UsageError, match=r"--budgets 'all': give numbers"):
        numbers("all", float, "--budgets")
