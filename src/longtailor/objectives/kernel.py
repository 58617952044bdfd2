"""Losses of cells, their gradient with them, in few passes over memory.

A batch of logits is larger than a processor's cache, and each operation of a plain loss reads and
writes all of it. On a CPU the kernel goes through the batch block by block and keeps, of
everything, the gradient alone. A compiler (always, on other devices) makes one pass of the dense
form instead.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from longtailor.errors import UsageError
from longtailor.objectives.blocks import in_blocks

MOSTLY_NEGATIVE = 0.25
"""Up to this share of positives, the curve of positives is taken at the positives alone."""


class Cells(Protocol):
    """Losses of cells and their derivatives, weighted. `Objective` is one."""

    @property
    def by_label(self) -> bool:
        """Whether a weight or a shift of each label takes part."""
        ...

    def masked(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the targets with -1 in the cells that take no part."""
        ...

    def positive_cells(self, logits: Tensor, columns: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give weighted losses of positives and their derivatives; all columns if None."""
        ...

    def negative_cells(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Give weighted losses of negatives and their derivatives."""
        ...

    def cell_weight(self, targets: Tensor) -> Tensor | None:
        """Give the weight of each cell beside those of its label, or None."""
        ...


def working_dtype(logits: Tensor) -> torch.dtype:
    """Give float64 for float64, float32 for all others: half precision holds no loss."""
    return torch.promote_types(logits.dtype, torch.float32)


def dense(cells: Cells, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give the loss of each cell, its derivative, and whether it is known.

    Parameters
    ----------
    cells : Cells
    logits, targets : Tensor, shape (batch, labels)
        In the working dtype.
    """
    targets = cells.masked(logits, targets)
    known = targets >= 0
    share = targets.clamp(min=0)
    positive, positive_slope = cells.positive_cells(logits, None)
    negative, negative_slope = cells.negative_cells(logits)
    loss = negative + share * (positive - negative)
    slope = negative_slope + share * (positive_slope - negative_slope)
    weight = cells.cell_weight(targets)
    if weight is not None:
        loss, slope = loss * weight, slope * weight
    return torch.where(known, loss, 0.0), torch.where(known, slope, 0.0), known


def sparse(
    cells: Cells, logits: Tensor, targets: Tensor, at: Tensor, unknown: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Do as `dense`, with the curve of positives taken only `at` these (flat) cells."""
    loss, slope = cells.negative_cells(logits)
    some_loss, some_slope = cells.positive_cells(
        logits.view(-1).index_select(0, at), at % logits.shape[1]
    )
    share = targets.view(-1).index_select(0, at)
    soft = bool((share < 1).any())
    for whole, positive in ((loss.view(-1), some_loss), (slope.view(-1), some_slope)):
        if soft:
            negative = whole.index_select(0, at)
            positive = negative + share * (positive - negative)
        whole.index_copy_(0, at, positive)
    weight = cells.cell_weight(targets)
    if weight is not None:
        loss, slope = loss.mul_(weight), slope.mul_(weight)
    if unknown is not None:
        loss, slope = loss.masked_fill_(unknown, 0.0), slope.masked_fill_(unknown, 0.0)
    return loss, slope


def block(cells: Cells, logits: Tensor, targets: Tensor, rows: slice) -> tuple[Tensor, Tensor, int]:
    """Give losses and derivatives of some rows on a CPU, and how many of their cells are known.

    Raises
    ------
    UsageError
        If a target is neither in [0, 1] nor -1 nor NaN.
    """
    dtype = working_dtype(logits)
    z = logits[rows].to(dtype).contiguous()
    t = targets[rows].to(dtype).contiguous()
    low, high = (bound.item() for bound in torch.aminmax(t))
    unknown = None
    if not (low >= 0 and high <= 1):
        check_targets(t, rows.start)
        t = cells.masked(z, t)
        unknown = torch.from_numpy(t.numpy() < 0)
    at = torch.from_numpy(np.flatnonzero(t.view(-1).numpy() > 0))
    if len(at) > MOSTLY_NEGATIVE * t.numel():
        loss, slope, _ = dense(cells, z, t)
    else:
        loss, slope = sparse(cells, z, t, at, unknown)
    return loss, slope, t.numel() - (0 if unknown is None else int(unknown.count_nonzero()))


def check_targets(targets: Tensor, first_row: int = 0) -> None:
    """Raise for the first target that is neither in [0, 1] nor -1 nor NaN."""
    cells = targets.detach().numpy()  # NumPy compares several times faster
    wrong = ((cells < 0) & (cells != -1)) | (cells > 1)
    if wrong.any():
        row, column = (int(index) for index in np.argwhere(wrong)[0])
        raise UsageError(
            f"target {targets[row, column].item():g} in row {first_row + row}, column {column}: "
            "targets are 0 to 1, or -1 or NaN where unknown"
        )


def losses_and_slopes(cells: Cells, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give the loss of each cell and its derivative, in one pass and without autograd."""
    dtype = working_dtype(logits)
    if logits.device.type != "cpu":
        return dense(cells, logits.detach().to(dtype), targets.to(dtype))[:2]
    losses = torch.empty(logits.shape, dtype=dtype)
    slopes = torch.empty(logits.shape, dtype=dtype)

    def write(rows: slice) -> None:
        losses[rows], slopes[rows], _ = block(cells, logits, targets, rows)

    in_blocks(write, logits)
    return losses, slopes


class BlockedSum(torch.autograd.Function):
    """The sum of the losses of a batch on a CPU, and how many cells were known.

    `expected` is what the sum is likely to be scaled by; it costs nothing to scale the gradient
    while it is written, and a pass over memory afterwards.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, cells: Cells, expected: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Keep the gradient where one is wanted."""
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty(logits.shape, dtype=logits.dtype) if wanted else None
        sums = _sums_and_gradient(cells, logits, targets, expected, gradient)
        ctx.save_for_backward(logits, targets)
        ctx.cells = cells
        ctx.gradient = gradient
        ctx.expected = expected
        known_cells = torch.tensor(sum(known for _, known in sums))
        ctx.mark_non_differentiable(known_cells)
        total = sum(loss for loss, _ in sums)
        return torch.tensor(total, dtype=working_dtype(logits)), known_cells

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        """Hand over the gradient kept, scaled; a second backward computes it anew."""
        logits, targets = ctx.saved_tensors
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            gradient = torch.empty(logits.shape, dtype=logits.dtype)
            _sums_and_gradient(ctx.cells, logits, targets, ctx.expected, gradient)
        factor = scale.item() / ctx.expected
        if factor != 1:
            gradient.mul_(factor)
        return gradient, None, None, None


def _sums_and_gradient(
    cells: Cells, logits: Tensor, targets: Tensor, scale: float, gradient: Tensor | None
) -> list[tuple[float, int]]:
    """Give the sum of the losses and the known cells of each block, and write its gradient."""

    def write(rows: slice) -> tuple[float, int]:
        loss, slope, known = block(cells, logits, targets, rows)
        if gradient is not None:
            torch.mul(slope, scale, out=gradient[rows])
        return loss.sum().item(), known

    return in_blocks(write, logits)


class BlockedCells(torch.autograd.Function):
    """The loss of each cell of a batch on a CPU."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, cells: Cells) -> Tensor:
        """Keep nothing but the inputs."""
        losses = torch.empty(logits.shape, dtype=working_dtype(logits))

        def write(rows: slice) -> None:
            losses[rows] = block(cells, logits, targets, rows)[0]

        in_blocks(write, logits)
        ctx.save_for_backward(logits, targets)
        ctx.cells = cells
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None]:
        """Compute the slopes anew."""
        logits, targets = ctx.saved_tensors
        gradient = torch.empty(logits.shape, dtype=logits.dtype)

        def write(rows: slice) -> None:
            slope = block(ctx.cells, logits, targets, rows)[1]
            gradient[rows] = slope.mul_(scale[rows])

        in_blocks(write, logits)
        return gradient, None, None


class ClosedForm(torch.autograd.Function):
    """Attach the derivative that is already computed to the losses."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss: Tensor, slope: Tensor) -> Tensor:
        """Give the losses."""
        ctx.save_for_backward(slope)
        ctx.dtype = logits.dtype
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None]:
        """Scale the derivative."""
        (slope,) = ctx.saved_tensors
        return (slope * scale).to(ctx.dtype), None, None


def fused_cells(cells: Cells, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give the loss of each cell and which are known, in a form that a compiler makes one pass."""
    dtype = working_dtype(logits)
    loss, slope, known = dense(cells, logits.detach().to(dtype), targets.to(dtype))
    return ClosedForm.apply(logits, loss, slope), known


def fused_sum(cells: Cells, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Give the sum of the losses and the number of known cells, as `fused_cells`."""
    loss, known = fused_cells(cells, logits, targets)
    # In floats, which processors add several times faster than 64-bit integers.
    count = known.to(loss.dtype)
    if cells.by_label:
        # A compiler then loops over rows and labels, and so adds up both in one loop.
        loss, count = loss.sum(dim=1), count.sum(dim=1)
    return loss.sum(), count.sum()
