"""The family: every loss and weighting by its name, and the objectives published as a pair."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from longtailor.errors import UsageError
from longtailor.objectives.losses import LOSSES, Loss
from longtailor.objectives.losses.base import BALANCING, LABEL
from longtailor.objectives.masking import SELECTIVE_SETTINGS
from longtailor.objectives.masking import SETTINGS as MASKING_SETTINGS
from longtailor.objectives.parameters import Parameter
from longtailor.objectives.reduction import SETTINGS as REDUCTION_SETTINGS
from longtailor.objectives.weightings import WEIGHTINGS, Weighting

PUBLISHED = {"db": ("ntr", "distribution_balanced")}
"""Name -> the loss and the weighting that a paper proposed together."""

WEIGHT_SETTINGS = (
    Parameter(
        "reading",
        None,
        "balancing: a label's positives against its negatives; label: one label against another; "
        "none: the first of these that the loss and the weighting allow",
        choices=(BALANCING, LABEL),
        optional=True,
    ),
    Parameter("cap", None, "no weight above this", 0, open_low=True, optional=True),
    Parameter("defer", 0, "the epoch, from 0, at which the weights set in", 0, whole=True),
)
COMMON_SETTINGS = (*WEIGHT_SETTINGS, *MASKING_SETTINGS, *SELECTIVE_SETTINGS, *REDUCTION_SETTINGS)


def names() -> list[str]:
    """Give the names of the family, weightings before losses."""
    return [*WEIGHTINGS, *PUBLISHED, *(name for name in LOSSES if name != "bce")]


def parts(name: str) -> tuple[type[Loss], type[Weighting]]:
    """Give the loss and the weighting that a name, plain or joined with `+`, stands for.

    Raises
    ------
    UsageError
        If a part is not known, or two parts are both losses or both weightings.
    """
    losses, weightings = [], []
    for part in (part.strip() for part in name.split("+")):
        if part in PUBLISHED:
            loss, weighting = PUBLISHED[part]
            losses.append(loss)
            weightings.append(weighting)
        elif part in LOSSES:
            losses.append(part)
        elif part in WEIGHTINGS:
            weightings.append(part)
        else:
            raise UsageError(
                f"no objective is called {part!r}; there are "
                + ", ".join(nearest(part, [*names(), "bce"]))
            )
    for kind, found in (("losses", losses), ("weightings", weightings)):
        if len(found) > 1:
            raise UsageError(f"{name}: {' and '.join(found)} are both {kind}; name one")
    loss, weighting = (*losses, "bce")[0], (*weightings, "none")[0]
    return LOSSES[loss], WEIGHTINGS[weighting]


def compose(loss: type[Loss], weighting: type[Weighting]) -> str:
    """Give the canonical name of a loss and a weighting together."""
    for name, pair in PUBLISHED.items():
        if pair == (loss.name, weighting.name):
            return name
    if loss.name == "bce":
        return weighting.name
    return loss.name if weighting.name == "none" else f"{loss.name}+{weighting.name}"


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Sort the known words by likeness to `word`, nearest first."""
    unique = list(dict.fromkeys(known))
    return difflib.get_close_matches(word, unique, n=max(len(unique), 1), cutoff=0.0)
