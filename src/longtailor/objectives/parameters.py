"""What a part of an objective can be told, and in which range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longtailor.errors import UsageError

AUTO = "auto"


@dataclass(frozen=True)
class Parameter:
    """One setting of a loss, weighting, masking or reduction.

    Attributes
    ----------
    name : str
        As written in `name:parameter=value`.
    default : float, int, str or None
        None means that the setting is off.
    meaning : str
        What it does, in a few words.
    low, high : float
        The range, both ends included unless `open_low` or `open_high`.
    whole : bool
        Only whole numbers.
    choices : tuple of str
        The words allowed, for a setting that is a word.
    auto : bool
        Whether `auto` is allowed: a value that training chooses on the validation split.
    optional : bool
        Whether `none` is allowed.
    """

    name: str
    default: float | str | None
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    choices: tuple[str, ...] = ()
    auto: bool = False
    optional: bool = False

    @property
    def range(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return " | ".join(self.choices) + (" | none" if self.optional else "")
        left = "(" if self.open_low or self.low == -math.inf else "["
        right = ")" if self.open_high or self.high == math.inf else "]"
        low = "-inf" if self.low == -math.inf else f"{self.low:g}"
        high = "inf" if self.high == math.inf else f"{self.high:g}"
        text = f"{left}{low}, {high}{right}"
        if self.whole:
            text += ", whole"
        if self.auto:
            text += ", or auto"
        if self.optional:
            text += ", or none"
        return text

    def convert(self, value: Any, owner: str) -> float | str | None:
        """Check a value and give it in its own type.

        Raises
        ------
        UsageError
            If the value is outside the range; `owner` and the range are named.
        """
        refusal = UsageError(f"{owner}: {self.name}={value} is not in its range {self.range}")
        word = str(value).strip().lower()
        if self.optional and word == "none":
            return None
        if self.choices:
            if word not in self.choices:
                raise refusal
            return word
        if self.auto and word == AUTO:
            return AUTO
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise refusal from None
        low = number > self.low if self.open_low else number >= self.low
        high = number < self.high if self.open_high else number <= self.high
        if isinstance(value, bool) or not (low and high and math.isfinite(number)):
            raise refusal
        if not self.whole:
            return number
        if number != int(number):
            raise refusal
        return int(number)


def resolve(
    parameters: tuple[Parameter, ...], given: Mapping[str, Any], owner: str
) -> dict[str, Any]:
    """Fill in the defaults of `parameters` and check what is `given`; other names are left out."""
    return {
        parameter.name: parameter.convert(given.get(parameter.name, parameter.default), owner)
        for parameter in parameters
    }
