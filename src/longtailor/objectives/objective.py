"""An objective: a loss, a weighting, a masking and a reduction, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from longtailor.errors import UsageError
from longtailor.labels import LabelStatistics
from longtailor.objectives import kernel
from longtailor.objectives.losses import ElementwiseLoss, Loss, SetLoss, Softmax
from longtailor.objectives.losses.base import LABEL
from longtailor.objectives.masking import ASSUME_NEGATIVE, Masking
from longtailor.objectives.reduction import MEAN, NONE, reduce
from longtailor.objectives.weightings import CellWeighting, NoWeighting, Weighting


class Objective(nn.Module):
    """What training minimises. Made by `longtailor.objectives.build`.

    Attributes
    ----------
    name : str
        The canonical name, such as `asl+effective_number`.
    settings : dict
        Every parameter with its value, as JSON can hold them. (`parameters` is PyTorch's word for
        what is trained; an objective has none of those.)
    loss : Loss
    weighting : Weighting
    masking : Masking
    positive_weight, negative_weight : Tensor of shape (labels,) or None
        The weights in force, 1 before the epoch `defer`; None for a weighting of cells, and where
        no statistics are known.
    """

    positive_weight: Tensor | None
    negative_weight: Tensor | None
    positives: Tensor | None
    known: Tensor | None
    epoch: Tensor

    def __init__(
        self,
        name: str,
        settings: dict[str, Any],
        loss: Loss,
        weighting: Weighting,
        masking: Masking,
        statistics: LabelStatistics | None,
    ) -> None:
        super().__init__()
        self.name = name
        self.settings = settings
        self.loss = loss
        self.weighting = weighting
        self.masking = masking
        self.weights_on = settings["defer"] == 0
        for derived in ("positive_weight", "negative_weight"):
            self.register_buffer(derived, None, persistent=False)
        for count in ("positives", "known"):
            self.register_buffer(count, None)
        self.register_buffer("epoch", torch.tensor(0))
        self._compiled: Callable[..., tuple[Tensor, Tensor]] | None = None
        self.register_load_state_dict_post_hook(_derive_again)  # type: ignore[no-untyped-call]
        if statistics is not None:
            self.set_statistics(statistics)

    def extra_repr(self) -> str:
        """Show the name and the settings."""
        return ", ".join([self.name, *(f"{key}={value}" for key, value in self.settings.items())])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what a compiler made: it cannot be copied, and is made again."""
        return {**self.__dict__, "_compiled": None}

    @property
    def elementwise(self) -> bool:
        """Whether the columns of labels are problems of their own."""
        return self.loss.elementwise

    @property
    def by_label(self) -> bool:
        """Whether a weight or a shift of each label takes part."""
        weighted = not isinstance(self.weighting, NoWeighting | CellWeighting)
        return weighted or getattr(self.loss, "positive_shift", None) is not None

    def set_statistics(self, statistics: LabelStatistics) -> None:
        """Take the label statistics that weights, margins and priors come from."""
        known = statistics.known
        if self.settings["unknown"] == ASSUME_NEGATIVE:
            known = known + statistics.unknown
        device = self.epoch.device
        self.positives = torch.from_numpy(statistics.positive).to(device)
        self.known = torch.from_numpy(known).to(device)
        self._derive()

    def update(self, targets: Tensor) -> None:
        """Add the cells of a batch of targets to the label statistics, as data streams in.

        A target above 0.5 counts as a positive. Start from `build(.., positives=zeros,
        known=zeros)` where nothing is known yet.
        """
        if self.positives is None or self.known is None:
            raise UsageError(f"{self.name} was built without label statistics to update")
        self._check_labels(targets)
        known = torch.ones_like(targets, dtype=torch.bool)
        if self.settings["unknown"] != ASSUME_NEGATIVE:
            known = targets >= 0
        self.positives = self.positives + (targets > 0.5).sum(dim=0).to(self.positives)
        self.known = self.known + known.sum(dim=0).to(self.known)
        self._derive()

    def set_epoch(self, epoch: int) -> None:
        """Take the number of the epoch that begins, from 0, for what starts at a given epoch."""
        self.epoch.fill_(epoch)
        self._derive()

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of a batch.

        Parameters
        ----------
        logits : Tensor of floats, shape (batch, labels)
        targets : Tensor, shape (batch, labels)
            1 positive, 0 negative, -1 or NaN unknown; between 0 and 1 for a soft target. Floats,
            integers or booleans.

        Returns
        -------
        Tensor
            A scalar in float32 or better, unless the reduction is `none`. 0, with a gradient of
            zeros, where nothing is known.

        Raises
        ------
        UsageError
            If shapes or types do not fit, or (on a CPU) a target is out of range.
        """
        if self.settings["reduction"] == NONE:
            return self.unreduced(logits, targets)
        return self.with_terms(logits, targets)[0]

    def with_terms(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give the loss of a batch, and over how many known cells, or terms, it was taken.

        Means of several batches, each times its number of terms, add up to that of the whole, for
        all objectives whose terms do not depend on what else is in a batch: all but `two_way`,
        and `unknown=selective`, which looks at the logits.

        Raises
        ------
        UsageError
            As when called, and if the reduction is `none`.
        """
        reduction = self.settings["reduction"]
        if reduction == NONE:
            raise UsageError(f"{self.name}: reduction={NONE} gives no single number")
        self._check(logits, targets)
        if isinstance(self.loss, SetLoss):
            kinds = [(loss, there.sum()) for loss, there in self._terms(logits, targets)]
            losses = [reduce(loss, known, reduction) for loss, known in kinds]
            return torch.stack(losses).sum(), torch.stack([known for _, known in kinds]).sum()
        total, known = self._sum(logits, targets)
        return reduce(total, known, reduction), known

    def unreduced(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the weighted losses, exactly 0 where unknown.

        Returns
        -------
        Tensor
            Of an elementwise objective: each cell's, shape (batch, labels). Else each term's: of
            `zlpr` shape (batch,), of `two_way` the rows' and then the labels', shape
            (batch + labels,), of `softmax` shape (batch, attributes).
        """
        self._check(logits, targets)
        if isinstance(self.loss, SetLoss):
            return torch.cat([loss for loss, _ in self._terms(logits, targets)])
        if torch.compiler.is_compiling() or not _on_cpu(logits):
            return kernel.fused_cells(self, logits, targets)[0]
        return cast("Tensor", kernel.BlockedCells.apply(logits, targets, self))

    def unreduced_with_slopes(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give what `unreduced` gives, and its derivatives, for solvers that need no autograd.

        Returns
        -------
        loss, slope : Tensor, shape (batch, labels)

        Raises
        ------
        UsageError
            If the objective is not elementwise.
        """
        if not self.elementwise:
            raise UsageError(f"{self.name} has no derivative cell by cell")
        self._check(logits, targets)
        return kernel.losses_and_slopes(self, logits, targets)

    def correction(self) -> Tensor | None:
        """Give what training with this objective adds to a label's optimal logit.

        Returns
        -------
        Tensor of shape (labels,) or None
            Subtract it from the logits, and their sigmoid is the probability in the world as it
            is, not as it was weighted: log(w+ / w-), and what the loss itself adds. None where
            the shift is no constant (see `probabilities`) or the labels are not known.
        """
        shift = self.loss.logit_shift()
        if shift is None or self.positive_weight is None or self.negative_weight is None:
            return None
        if isinstance(self.loss, Softmax):
            among = torch.where(self.loss.alone[self.loss.group], 1.0, self.positive_weight)
            return shift + torch.log(among)
        return shift + torch.log(self.positive_weight / self.negative_weight)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Give the probabilities that logits trained with this objective stand for.

        Where `correction` is a shift, the sigmoid (softmax within an exclusive attribute) of the
        corrected logits. Else the probability whose expected loss is least at the logit: with the
        slopes P' < 0 of the positives' curve and N' > 0 of the negatives', N' / (N' - P').
        Charoenphakdee et al. 2021, On focal loss for class-posterior probability estimation: a
        theoretical perspective, arXiv:2011.09172, do so for the focal loss.

        Parameters
        ----------
        logits : Tensor, shape (batch, labels)

        Raises
        ------
        UsageError
            If the objective's logits do not tell probabilities (`zlpr`, `two_way`, `splc`, weights
            of cells).
        """
        logits = logits.detach().to(kernel.working_dtype(logits))
        if isinstance(self.loss, Softmax):
            shift = self.correction()
            return self.loss.probabilities(logits if shift is None else logits - shift.to(logits))
        if (
            not isinstance(self.loss, ElementwiseLoss)
            or not self.loss.invertible
            or isinstance(self.weighting, CellWeighting)
        ):
            raise UsageError(f"the logits of {self.name} do not tell probabilities")
        shift = self.loss.logit_shift() if self.positive_weight is None else self.correction()
        if shift is not None:
            return torch.sigmoid(logits - shift.to(logits))
        # Far out both slopes vanish, and their ratio with them.
        far = logits.double().clamp(-20, 20)
        _, positive = self.positive_cells(far, None)
        _, negative = self.negative_cells(far)
        return (negative / (negative - positive)).to(logits)

    def corrected(self, logits: Tensor) -> Tensor:
        """Take away what training with this objective added to logits (batch, labels).

        Their sigmoid (softmax within an exclusive attribute) is then the probability in the world
        as it is. Logits that do not tell probabilities stay as they are.
        """
        shift = self.correction()
        if shift is not None:
            return logits - shift.to(logits)
        try:
            return self.probabilities(logits).logit(eps=1e-12)
        except UsageError:
            return logits

    def masked(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the targets with -1 in the cells that take no part."""
        return cast("Tensor", self.masking(logits, targets))

    def positive_cells(self, logits: Tensor, columns: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give the label-weighted losses of positives, and their derivatives.

        Parameters
        ----------
        logits : Tensor, shape (.., labels), or (cells,) with `columns`
        columns : Tensor of int, shape (cells,), optional
            The label of each cell.
        """
        loss = cast("ElementwiseLoss", self.loss)
        shift = _of(loss.positive_shift, columns, logits)
        curve = loss.positive(logits if shift is None else logits + shift)
        return self._weighted(curve, self.positive_weight, columns)

    def negative_cells(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Give the label-weighted losses of negatives, shape (.., labels), and derivatives."""
        loss = cast("ElementwiseLoss", self.loss)
        shift = _of(loss.negative_shift, None, logits)
        curve = loss.negative(logits if shift is None else logits + shift)
        return self._weighted(curve, self.negative_weight, None)

    def cell_weight(self, targets: Tensor) -> Tensor | None:
        """Give the weight of each cell, for a weighting of cells."""
        if not isinstance(self.weighting, CellWeighting) or not self.weights_on:
            return None
        weight = self.weighting.cells(targets)
        cap = self.settings["cap"]
        return weight if cap is None else weight.clamp(max=cap)

    def _weighted(
        self, curve: tuple[Tensor, Tensor], weight: Tensor | None, columns: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if isinstance(self.weighting, NoWeighting) or weight is None:
            return curve
        factor = cast("Tensor", _of(weight, columns, curve[0]))
        return curve[0].mul_(factor), curve[1].mul_(factor)

    def _sum(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        if torch.compiler.is_compiling():
            return kernel.fused_sum(self, logits, targets)
        if _on_cpu(logits):
            expected = self._expected_scale(logits)
            summed = kernel.BlockedSum.apply(logits, targets, self, expected)
            return cast("tuple[Tensor, Tensor]", summed)
        if self._compiled is None:
            self._compiled = torch.compile(kernel.fused_sum)
        return self._compiled(self, logits, targets)

    def _expected_scale(self, logits: Tensor) -> float:
        """Give what the gradient of the sum is scaled by if all cells are known."""
        # Half precision has no room for slopes that are scaled down before a loss scaling.
        if self.settings["reduction"] == MEAN and logits.numel() and logits.dtype.itemsize >= 4:
            return (torch.ones((), dtype=logits.dtype) / logits.numel()).item()
        return 1.0

    def _terms(self, logits: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor]]:
        dtype = kernel.working_dtype(logits)
        targets = targets.to(dtype)
        if not torch.compiler.is_compiling() and _on_cpu(logits):
            kernel.check_targets(targets)
        logits = logits.to(dtype)
        targets = self.masked(logits, targets)
        weighted = LABEL in self.loss.weightable and not isinstance(self.weighting, NoWeighting)
        weight = self.positive_weight if weighted else None
        kinds = cast("SetLoss", self.loss).terms(logits, targets, weight)
        return [(torch.where(there, loss, 0.0), there) for loss, there in kinds]

    def _check(self, logits: Tensor, targets: Tensor) -> None:
        if logits.ndim != 2 or logits.shape != targets.shape:
            raise UsageError(
                f"{self.name}: logits {tuple(logits.shape)} and targets {tuple(targets.shape)} "
                "must both have the shape (batch, labels)"
            )
        if not logits.is_floating_point():
            raise UsageError(f"{self.name}: logits are floats, not {logits.dtype}")
        if targets.is_complex():
            raise UsageError(f"{self.name}: targets are numbers, not {targets.dtype}")
        self._check_labels(logits)

    def _check_labels(self, cells: Tensor) -> None:
        if self.positives is not None and cells.shape[1] != len(self.positives):
            raise UsageError(
                f"{self.name} was built for {len(self.positives)} labels and is given "
                f"{cells.shape[1]}"
            )

    def _derive(self) -> None:
        """Set all that follows from the statistics and the epoch."""
        epoch = int(self.epoch)
        self.loss.set_epoch(epoch)
        self.weights_on = epoch >= self.settings["defer"]
        if self.positives is None or self.known is None:
            return
        device = self.epoch.device
        positives, known = self.positives.cpu().double(), self.known.cpu().double()
        self.loss.set_statistics(positives, known)
        self.masking.set_statistics(positives, known)
        if isinstance(self.weighting, CellWeighting):
            self.weighting.set_statistics(positives, known)
        else:
            weights = self.weighting.weights(positives, known)
            cap = self.settings["cap"]
            if not self.weights_on:
                weights = (torch.ones_like(weights[0]), torch.ones_like(weights[1]))
            elif cap is not None:
                weights = (weights[0].clamp(max=cap), weights[1].clamp(max=cap))
            self.positive_weight, self.negative_weight = (weight.float() for weight in weights)
        self.to(device)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Objective:
        """Move, but never to half precision: weights of rare labels would overflow it."""

        def keep(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            if moved.is_floating_point() and moved.dtype.itemsize < 4:
                return tensor.to(moved.device)
            return moved

        super()._apply(keep, recurse)  # type: ignore[no-untyped-call]
        return self


def _derive_again(objective: Objective, _: object) -> None:
    objective._derive()


def _on_cpu(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu"


def _of(by_label: Tensor | None, columns: Tensor | None, like: Tensor) -> Tensor | None:
    if by_label is None:
        return None
    return (by_label if columns is None else by_label.index_select(0, columns)).to(like.dtype)
