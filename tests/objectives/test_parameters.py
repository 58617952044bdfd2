from __future__ import annotations

import pytest

from longtailor.errors import UsageError
from longtailor.objectives.parameters import Parameter, resolve

SHARE = Parameter("share", 0.5, "", 0, 1, open_high=True)
COUNT = Parameter("count", 3, "", 0, whole=True)
WORD = Parameter("word", "a", "", choices=("a", "b"))
MAYBE = Parameter("maybe", None, "", 0, open_low=True, optional=True)
CHOSEN = Parameter("chosen", 0.1, "", 0, 1, auto=True)


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (SHARE, "0", 0.0),
        (SHARE, 0.99, 0.99),
        (COUNT, "7", 7),
        (COUNT, 7.0, 7),
        (WORD, " B ", "b"),
        (MAYBE, "none", None),
        (MAYBE, None, None),
        (MAYBE, "2", 2.0),
        (CHOSEN, "AUTO", "auto"),
    ],
)
def test_converts(parameter, given, value):
    converted = parameter.convert(given, "x")
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("parameter", "given"),
    [
        (SHARE, 1),
        (SHARE, -0.1),
        (SHARE, "nan"),
        (SHARE, "none"),
        (SHARE, True),
        (COUNT, 1.5),
        (COUNT, "inf"),
        (WORD, "c"),
        (MAYBE, 0),
        (CHOSEN, "x"),
        (SHARE, "auto"),
        (SHARE, [1]),
    ],
)
def test_refuses(parameter, given):
    with pytest.raises(UsageError, match=f"thing: {parameter.name}=.* is not in its range"):
        parameter.convert(given, "thing")


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        (SHARE, "[0, 1)"),
        (COUNT, "[0, inf), whole"),
        (WORD, "a | b"),
        (MAYBE, "(0, inf), or none"),
        (CHOSEN, "[0, 1], or auto"),
    ],
)
def test_says_its_range(parameter, words):
    assert parameter.range == words


def test_resolve_fills_in_defaults():
    assert resolve((SHARE, COUNT), {"count": "2", "other": 1}, "x") == {"share": 0.5, "count": 2}
