"""The family and its members in words, for the command line and the documentation."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from textwrap import indent

from longtailor.errors import UsageError
from longtailor.objectives.by_attribute import ObjectiveByAttribute
from longtailor.objectives.family import PUBLISHED, names, parts
from longtailor.objectives.losses import Loss
from longtailor.objectives.names import parse, settings_of
from longtailor.objectives.objective import Objective
from longtailor.objectives.weightings import NoWeighting, Weighting

Part = type[Loss] | type[Weighting]


def parts_described(name: str) -> list[Part]:
    """Give the parts of a name that are worth describing: no default beside a choice."""
    loss, weighting = parts(name)
    if issubclass(weighting, NoWeighting):
        return [loss]
    return [weighting] if loss.name == "bce" else [loss, weighting]


def family() -> list[tuple[str, str, str]]:
    """Give each name with its title and source."""
    return [
        (
            name,
            " and ".join(part.title for part in parts_described(name)),
            parts_described(name)[0].source,
        )
        for name in names()
    ]


def describe(text: str) -> str:
    """Give the formula, parameters with ranges and defaults, and source of an objective.

    Parameters
    ----------
    text : str
        A name as `build` takes; parameters in it are checked and shown.

    Raises
    ------
    UsageError
        If it is not known.
    """
    name, given = parse(text)
    loss = parts(name)[0]
    lines = []
    for part in parts_described(name):
        lines += [
            f"{part.name}: {part.title}",
            indent(inspect.cleandoc(part.__doc__ or ""), "  "),
            "",
            f"  formula  {part.formula}",
            f"  source   {part.source}",
            "",
        ]
    if name in PUBLISHED:
        lines += [f"{name} is {' + '.join(PUBLISHED[name])}", ""]
    lines.append("parameters (z: logit, p = sigmoid(z), y: target, n+ n- N: known products)")
    table = []
    for parameter in settings_of(name):
        default = "none" if parameter.default is None else str(parameter.default)
        value = given.get(parameter.name, parameter.default)
        here = "" if value == parameter.default else f", here {value}"
        table.append((f"{parameter.name} = {default}{here}", parameter.range, parameter.meaning))
    first, second = (max(len(row[column]) for row in table) for column in (0, 1))
    lines += [f"  {one:{first}}   {two:{second}}   {three}" for one, two, three in table]
    takes = " or ".join(loss.weightable) or "no"
    lines += ["", f"The loss {loss.name} takes {takes} weights."]
    return "\n".join(lines)


def weights_table(
    objective: Objective | ObjectiveByAttribute, labels: Sequence[str]
) -> list[dict[str, str | float]]:
    """Give what each weight comes to: one row a label.

    Returns
    -------
    list of dict
        `label`, `positive` and `known` counts, weights `w+` and `w-`, and the `shift` of the
        logit that training with them brings, where there is a constant one.

    Raises
    ------
    UsageError
        If the objective has no weights by label.
    """
    positive, negative = objective.positive_weight, objective.negative_weight
    if (
        positive is None
        or negative is None
        or objective.positives is None
        or objective.known is None
    ):
        raise UsageError(f"{objective.name} weighs cells, not labels: it has no table of weights")
    counts = zip(objective.positives.tolist(), objective.known.tolist(), strict=True)
    shift = objective.correction()
    rows: list[dict[str, str | float]] = []
    for index, (label, (seen, of)) in enumerate(zip(labels, counts, strict=True)):
        row: dict[str, str | float] = {
            "label": label,
            "positive": seen,
            "known": of,
            "w+": positive[index].item(),
            "w-": negative[index].item(),
        }
        if shift is not None:
            row["shift"] = shift[index].item()
        rows.append(row)
    return rows
