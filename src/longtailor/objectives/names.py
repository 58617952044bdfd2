"""How an objective is written in one word: `asl+effective_number:gamma_neg=4,beta=0.99`."""

from __future__ import annotations

from typing import Any

from longtailor.errors import UsageError
from longtailor.objectives.family import COMMON_SETTINGS, compose, nearest, parts
from longtailor.objectives.parameters import Parameter


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Read an objective's name and parameters.

    Parameters
    ----------
    text : str
        `NAME`, `NAME:parameter=value,..`, where NAME is one of the family or a loss and a
        weighting joined by `+`.

    Returns
    -------
    name : str
        The canonical name.
    parameters : dict
        What the text gives, in its own types.

    Raises
    ------
    UsageError
        If a name or parameter is not known (those that are known are listed, nearest first), or a
        value is outside its range.
    """
    name, _, rest = text.partition(":")
    loss, weighting = parts(name.strip())
    name = compose(loss, weighting)
    given: dict[str, Any] = {}
    for pair in filter(None, (pair.strip() for pair in rest.split(","))):
        parameter, equals, value = (piece.strip() for piece in pair.partition("="))
        if not equals:
            raise UsageError(f"objective {text!r}: write {pair!r} as parameter=value")
        if parameter in given:
            raise UsageError(f"objective {text!r}: {parameter} is given twice")
        given[parameter] = value
    return name, check(name, given)


def settings_of(name: str) -> tuple[Parameter, ...]:
    """Give all parameters of a (composed) name, its own before those that all have."""
    loss, weighting = parts(name)
    return (*loss.accepts, *weighting.accepts, *COMMON_SETTINGS)


def check(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Check and convert parameters given for an objective.

    Raises
    ------
    UsageError
        If one is not known or outside its range.
    """
    known = {parameter.name: parameter for parameter in settings_of(name)}
    for parameter in given:
        if parameter not in known:
            raise UsageError(
                f"{name} has no parameter {parameter!r}; it has "
                + ", ".join(nearest(parameter, known))
            )
    return {parameter: known[parameter].convert(value, name) for parameter, value in given.items()}
