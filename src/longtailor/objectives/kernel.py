"""Losses of cells, their gradient with them, in few passes over memory.

A batch of logits is larger than a processor's cache, and each operation of a plain loss reads and
writes all of it. On a CPU the kernel goes through the batch block by block and keeps, of
everything, the gradient alone. A compiler (always, on other devices) makes one pass of the dense
form instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from longtailor.errors import UsageError

BLOCK = 1 << 17
"""Cells a block: its handful of buffers stays in a core's cache, and its Python in the noise."""

MOSTLY_NEGATIVE = 0.25
"""Up to this share of positives, the curve of positives is taken at the positives alone."""


class Cells(Protocol):
    """Losses of cells and their derivatives, weighted. `Objective` is one."""

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
    for whole, positive in ((loss.view(-1), some_loss), (slope.view(-1), some_slope)):
        negative = whole.index_select(0, at)
        whole.index_copy_(0, at, negative + share * (positive - negative))
    weight = cells.cell_weight(targets)
    if weight is not None:
        loss, slope = loss.mul_(weight), slope.mul_(weight)
    if unknown is not None:
        loss, slope = loss.masked_fill_(unknown, 0.0), slope.masked_fill_(unknown, 0.0)
    return loss, slope


def blocks(
    cells: Cells, logits: Tensor, targets: Tensor
) -> Iterator[tuple[slice, Tensor, Tensor, int]]:
    """Go through a batch on a CPU: rows, their losses and derivatives, known cells among them.

    Raises
    ------
    UsageError
        If a target is neither in [0, 1] nor -1 nor NaN.
    """
    dtype = working_dtype(logits)
    labels = max(logits.shape[1], 1)
    step = max(BLOCK // labels, 1)
    for start in range(0, len(logits) if logits.shape[1] else 0, step):
        rows = slice(start, start + step)
        z = logits[rows].to(dtype).contiguous()
        t = targets[rows].detach().to(dtype).contiguous()
        low, high = (bound.item() for bound in torch.aminmax(t))
        unknown = None
        if not (low >= 0 and high <= 1):
            check_targets(t, start)
            t = cells.masked(z, t)
            unknown = ~(t >= 0)
        at = np.flatnonzero(t.view(-1).numpy() > 0)
        if len(at) > MOSTLY_NEGATIVE * t.numel():
            loss, slope, _ = dense(cells, z, t)
        else:
            loss, slope = sparse(cells, z, t, torch.from_numpy(at), unknown)
        known = t.numel() - (0 if unknown is None else int(torch.count_nonzero(unknown)))
        yield rows, loss, slope, known


def check_targets(targets: Tensor, first_row: int = 0) -> None:
    """Raise for the first target that is neither in [0, 1] nor -1 nor NaN."""
    wrong = ((targets < 0) & (targets != -1)) | (targets > 1)
    if wrong.any():
        row, column = (int(index) for index in torch.nonzero(wrong)[0])
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
    for rows, loss, slope, _known in blocks(cells, logits.detach(), targets):
        losses[rows], slopes[rows] = loss, slope
    return losses, slopes


class BlockedSum(torch.autograd.Function):
    """The sum of the losses of a batch on a CPU, and how many cells were known."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, cells: Cells) -> tuple[Tensor, Tensor]:
        """Keep the gradient where one is wanted."""
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty(logits.shape, dtype=logits.dtype) if wanted else None
        total, count = 0.0, 0
        for rows, loss, slope, known in blocks(cells, logits, targets):
            total += loss.sum().item()
            count += known
            if gradient is not None:
                gradient[rows] = slope
        ctx.save_for_backward(logits, targets)
        ctx.cells = cells
        ctx.gradient = gradient
        known_cells = torch.tensor(count)
        ctx.mark_non_differentiable(known_cells)
        return torch.tensor(total, dtype=working_dtype(logits)), known_cells

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        """Scale the gradient kept, and hand it over; a second backward computes it anew."""
        logits, targets = ctx.saved_tensors
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            gradient = torch.empty(logits.shape, dtype=logits.dtype)
            for rows, _loss, slope, _known in blocks(ctx.cells, logits, targets):
                gradient[rows] = slope
        if scale.item() != 1:
            gradient.mul_(scale)
        return gradient, None, None


class BlockedCells(torch.autograd.Function):
    """The loss of each cell of a batch on a CPU."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, cells: Cells) -> Tensor:
        """Keep nothing but the inputs."""
        losses = torch.empty(logits.shape, dtype=working_dtype(logits))
        for rows, loss, _slope, _known in blocks(cells, logits, targets):
            losses[rows] = loss
        ctx.save_for_backward(logits, targets)
        ctx.cells = cells
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None]:
        """Compute the slopes anew."""
        logits, targets = ctx.saved_tensors
        gradient = torch.empty(logits.shape, dtype=logits.dtype)
        for rows, _loss, slope, _known in blocks(ctx.cells, logits, targets):
            gradient[rows] = slope.mul_(scale[rows])
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
    # Counted in floats, which processors add several times faster than 64-bit integers.
    return loss.sum(), known.to(loss.dtype).sum()
