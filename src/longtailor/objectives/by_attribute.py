"""One objective an attribute: `none;sleeve=asl;archetype=effective_number:beta=0.99`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from longtailor.errors import UsageError
from longtailor.labels import LabelSpace, LabelStatistics
from longtailor.objectives.build import build, statistics_of
from longtailor.objectives.family import nearest
from longtailor.objectives.names import parse
from longtailor.objectives.objective import Objective
from longtailor.objectives.reduction import MEAN, NONE

DEFAULT = "none"
"""What the attributes that are not named get, where nothing is said of them."""

Columns = npt.NDArray[np.intp]


class ObjectiveByAttribute(nn.Module):
    """Several objectives, each of some of the labels. Made by `build_for`.

    It is called as an `Objective` is, and means the same: unknown cells take no part, and the mean
    is over the known cells (or terms) of all of them together.

    Attributes
    ----------
    name : str
        The specification, written out.
    settings : dict
        `reduction`, and `parts`: the `columns`, `name` and `settings` of each objective.
    parts : ModuleList of Objective

    Raises
    ------
    UsageError
        If they do not reduce in the same way.
    """

    inverse: Tensor

    def __init__(self, name: str, parts: Sequence[tuple[Columns, Objective]]) -> None:
        super().__init__()
        self.name = name
        self.parts = nn.ModuleList(objective for _, objective in parts)
        reductions = {objective.settings["reduction"] for _, objective in parts}
        if len(reductions) > 1:
            raise UsageError(f"{name}: one reduction for all attributes, not {sorted(reductions)}")
        self.settings: dict[str, Any] = {
            "reduction": reductions.pop(),
            "parts": [
                {"columns": columns.tolist(), "name": part.name, "settings": part.settings}
                for columns, part in parts
            ],
        }
        for number, (columns, _) in enumerate(parts):
            at = torch.from_numpy(columns.astype(np.int64))
            self.register_buffer(f"columns_{number}", at, persistent=False)
        order = np.concatenate([columns for columns, _ in parts])
        self.register_buffer("inverse", torch.from_numpy(np.argsort(order)), persistent=False)

    @property
    def elementwise(self) -> bool:
        """Whether the columns of labels are problems of their own."""
        return all(part.elementwise for part in self.parts)

    @property
    def epoch(self) -> Tensor:
        """The epoch that was set last."""
        epoch: Tensor = self.parts[0].epoch  # type: ignore[assignment]
        return epoch

    @property
    def positives(self) -> Tensor | None:
        """Products in which each label is positive, shape (labels,)."""
        return self._joined([part.positives for part in self._each()])

    @property
    def known(self) -> Tensor | None:
        """Products in which each label is known, shape (labels,)."""
        return self._joined([part.known for part in self._each()])

    @property
    def positive_weight(self) -> Tensor | None:
        """The weights in force, shape (labels,); NaN for a weighting of cells."""
        return self._joined([part.positive_weight for part in self._each()])

    @property
    def negative_weight(self) -> Tensor | None:
        """The weights in force, shape (labels,); NaN for a weighting of cells."""
        return self._joined([part.negative_weight for part in self._each()])

    def set_statistics(self, statistics: LabelStatistics) -> None:
        """Take the label statistics that weights, margins and priors come from."""
        for part, columns in self._placed():
            part.set_statistics(_some(statistics, columns.cpu().numpy()))

    def update(self, targets: Tensor) -> None:
        """Add the cells of a batch of targets to the label statistics; see `Objective.update`."""
        for part, columns in self._placed():
            part.update(targets[:, columns])

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that begins, from 0, for what starts at a given epoch."""
        for part in self._each():
            part.set_epoch(epoch)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch; see `Objective.forward`."""
        if self.settings["reduction"] == NONE:
            return self.unreduced(logits, targets)
        return self.with_terms(logits, targets)[0]

    def with_terms(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of a batch, and over how many known cells, or terms, it was taken."""
        self._check(logits, targets)
        pairs = [
            part.with_terms(logits[:, columns], targets[:, columns])
            for part, columns in self._placed()
        ]
        terms = torch.stack([known for _, known in pairs])
        losses = torch.stack([loss for loss, _ in pairs])
        if self.settings["reduction"] == MEAN:
            losses = losses * terms / terms.sum().clamp(min=1)
        return losses.sum(), terms.sum()

    def unreduced(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the weighted losses, exactly 0 where unknown.

        Returns
        -------
        Tensor
            Where all objectives are elementwise each cell's, shape (batch, labels). Else what
            `Objective.unreduced` gives of each, one after another, shape (terms,).
        """
        self._check(logits, targets)
        losses = [
            part.unreduced(logits[:, columns], targets[:, columns])
            for part, columns in self._placed()
        ]
        if self.elementwise:
            return torch.cat(losses, dim=1)[:, self.inverse]
        return torch.cat([loss.flatten() for loss in losses])

    def unreduced_with_slopes(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give what `unreduced` gives, and its derivatives; see `Objective`."""
        self._check(logits, targets)
        pairs = [
            part.unreduced_with_slopes(logits[:, columns], targets[:, columns])
            for part, columns in self._placed()
        ]
        loss, slope = (torch.cat(kind, dim=1)[:, self.inverse] for kind in zip(*pairs, strict=True))
        return loss, slope

    def correction(self) -> Tensor | None:
        """Give what training adds to each label's optimal logit; None where one has no constant."""
        shifts = [part.correction() for part in self._each()]
        if any(shift is None for shift in shifts):
            return None
        return self._joined(shifts)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Give the probabilities that logits stand for; see `Objective.probabilities`."""
        return self._mapped(logits, lambda part, some: part.probabilities(some))

    def corrected(self, logits: Tensor) -> Tensor:
        """Take away what training added to the logits; see `Objective.corrected`."""
        return self._mapped(logits, lambda part, some: part.corrected(some))

    def _mapped(self, logits: Tensor, change: Callable[[Objective, Tensor], Tensor]) -> Tensor:
        changed = [change(part, logits[:, columns]) for part, columns in self._placed()]
        return torch.cat(changed, dim=1)[:, self.inverse]

    def _each(self) -> list[Objective]:
        return list(self.parts)  # type: ignore[arg-type]

    def _placed(self) -> list[tuple[Objective, Tensor]]:
        return [
            (part, self.get_buffer(f"columns_{number}")) for number, part in enumerate(self._each())
        ]

    def _joined(self, values: Sequence[Tensor | None]) -> Tensor | None:
        """Put the values of each part's labels in the order of the labels."""
        known = [value for value in values if value is not None]
        if not known:
            return None
        parts = [
            known[0].new_full(columns.shape, torch.nan)
            if value is None
            else value.expand_as(columns)
            for value, (_, columns) in zip(values, self._placed(), strict=True)
        ]
        return torch.cat(parts)[self.inverse]

    def _check(self, logits: Tensor, targets: Tensor) -> None:
        labels = len(self.inverse)
        if logits.ndim != 2 or logits.shape != targets.shape or logits.shape[1] != labels:
            raise UsageError(
                f"{self.name}: logits {tuple(logits.shape)} and targets {tuple(targets.shape)} "
                f"must both have the shape (batch, {labels})"
            )


AnyObjective = Objective | ObjectiveByAttribute


def build_for(
    specification: str,
    space: LabelSpace,
    positives: npt.ArrayLike | None = None,
    known: npt.ArrayLike | None = None,
    *,
    statistics: LabelStatistics | None = None,
) -> AnyObjective:
    """Build what a specification asks for: an objective of all labels, or one an attribute.

    `softmax` is told which attributes are exclusive.

    Parameters
    ----------
    specification : str
        An objective as `build` takes it; or several between semicolons, each but one that of an
        attribute: `none;sleeve=asl;archetype=effective_number:beta=0.99`. The one without an
        attribute (default: `none`) is that of all others.
    space : LabelSpace
    positives, known, statistics
        See `build`.

    Raises
    ------
    UsageError
        As `build`, and if there is no such attribute.

    Examples
    --------
    >>> space = LabelSpace(["sleeve:puff", "colour:red"])
    >>> objective = build_for("none;sleeve=asl", space, [6, 300], [1000, 1000])
    >>> objective(torch.zeros(1, 2), torch.tensor([[1, -1]]))
    tensor(0.6931)
    """
    assigned = assign(specification, space)
    statistics = statistics_of(specification, positives, known, statistics)
    if statistics is not None and len(statistics.positive) != len(space):
        raise UsageError(
            f"objective {specification!r}: there are {len(space)} labels, and statistics of "
            f"{len(statistics.positive)}"
        )
    parts = []
    for written, columns in assigned:
        local = {column: position for position, column in enumerate(columns.tolist())}
        groups = [[local[at] for at in group] for group in competing(written, columns, space)]
        objective = build(
            written,
            statistics=None if statistics is None else _some(statistics, columns),
            groups=groups if _is_softmax(written) else None,
        )
        parts.append((columns, objective))
    if not is_by_attribute(specification):
        return parts[0][1]
    return ObjectiveByAttribute(specification.strip(), parts)


def is_by_attribute(specification: str) -> bool:
    """Say whether a specification names attributes."""
    return ";" in specification or "=" in specification.partition(":")[0]


def split_specification(specification: str) -> tuple[str, dict[str, str]]:
    """Read the objective of the attributes not named, and that of each that is.

    Raises
    ------
    UsageError
        If an objective is not known, or an attribute has two.
    """
    default: str | None = None
    named: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in specification.split(";"))):
        attribute, equals, written = part.partition("=")
        if not equals or ":" in attribute:
            if default is not None:
                raise UsageError(
                    f"objective {specification!r}: {default} and {part} are both for the "
                    "attributes that are not named; write the other as attribute=objective"
                )
            default = part
            parse(part)
            continue
        attribute, written = attribute.strip(), written.strip()
        if attribute in named:
            raise UsageError(f"objective {specification!r}: {attribute} is given twice")
        if "," in written.partition(":")[0]:
            raise UsageError(f"objective {specification!r}: put ; between attributes")
        parse(written)
        named[attribute] = written
    return DEFAULT if default is None else default, named


def assign(specification: str, space: LabelSpace) -> list[tuple[str, Columns]]:
    """Give each objective of a specification with the columns of its labels.

    Raises
    ------
    UsageError
        If an objective or an attribute is not known, or an objective makes the values of an
        attribute compete that has several in one product.
    """
    default, named = split_specification(specification)
    for attribute, written in named.items():
        if attribute not in space.groups:
            raise UsageError(
                f"objective {specification!r}: no attribute is called {attribute!r}; there are "
                + ", ".join(nearest(attribute, space.attributes))
            )
        if _is_softmax(written) and attribute not in space.exclusive:
            raise UsageError(
                f"objective {specification!r}: softmax makes values compete, and a product can "
                f"have several of {attribute}, or none"
            )
    columns: dict[str, list[int]] = {default: []}
    for attribute, at in space.groups.items():
        columns.setdefault(named.get(attribute, default), []).extend(at.tolist())
    return [(written, np.array(sorted(at), np.intp)) for written, at in columns.items() if at]


def competing(written: str, columns: Columns, space: LabelSpace) -> list[list[int]]:
    """Give the columns of each attribute whose values an objective of these columns lets compete.

    Parameters
    ----------
    written : str
        One objective.
    columns : ndarray of int
        The labels that it is of: whole attributes.
    space : LabelSpace
    """
    if not _is_softmax(written):
        return []
    inside = set(columns.tolist())
    groups = [space.groups[attribute].tolist() for attribute in sorted(space.exclusive)]
    return [group for group in groups if group[0] in inside]


def _is_softmax(written: str) -> bool:
    return parse(written)[0].partition("+")[0] == "softmax"


def _some(statistics: LabelStatistics, columns: Columns) -> LabelStatistics:
    return LabelStatistics(
        statistics.positive[columns], statistics.negative[columns], statistics.unknown[columns]
    )
