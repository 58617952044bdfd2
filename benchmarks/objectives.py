"""How long a loss and its gradient take, as a multiple of the physical limit.

    python benchmarks/objectives.py [--threads 2] [--quick]

The limit is one read of logits and targets and one write of gradients. Each figure is the best of
several runs of a forward and a backward pass, as a multiple of it, without and with a compiler
(torch.compile). Our objectives stand beside PyTorch's and timm's. The memory is what a step of an
80 MB batch holds at most beyond its inputs, in sizes of the gradient (which is one of them).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import accumulate

import torch
from timm.loss.asymmetric_loss import AsymmetricLossMultiLabel
from timm.loss.distribution_balanced_loss import DistributionBalancedLoss
from timm.loss.poly_loss import PolyBinaryCrossEntropy
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from longtailor.objectives import build, names
from longtailor.objectives.family import parts

SHAPES = ((1024, 1000), (256, 20_000))
MEMORY_SHAPE = (1024, 20_000)
POSITIVES, PRODUCTS = 30, 1000


class UsualFocal(nn.Module):
    """Focal loss as most repositories write it."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Give the mean."""
        p = torch.sigmoid(logits)
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        p_t = p * targets + (1 - p) * (1 - targets)
        alpha_t = 0.25 * targets + 0.75 * (1 - targets)
        return (alpha_t * (1 - p_t) ** 2 * entropy).mean()


def theirs(labels: int) -> dict[str, nn.Module]:
    """Give others' losses by the names of ours."""
    return {
        "none": nn.BCEWithLogitsLoss(),
        "focal": UsualFocal(),
        "asl": AsymmetricLossMultiLabel(reduction="mean"),
        "poly1": PolyBinaryCrossEntropy(),
        "db": DistributionBalancedLoss([POSITIVES] * labels, PRODUCTS),
    }


def ours(labels: int) -> dict[str, nn.Module]:
    """Give the elementwise members of the family."""
    chosen = [name for name in names() if parts(name)[0].elementwise]
    counts = ([POSITIVES] * labels, [PRODUCTS] * labels)
    return {name: build(name, *counts) for name in chosen}


def batch(shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator)
    targets = (torch.rand(shape, generator=generator) < POSITIVES / PRODUCTS).float()
    return logits.requires_grad_(), targets


def best(step: Callable[[], object], seconds: float) -> float:
    """Give the shortest of the runs that fit into some seconds, three to warm up apart."""
    for _ in range(3):
        step()
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def stepper(loss: Callable[..., Tensor], logits: Tensor, targets: Tensor) -> Callable[[], None]:
    def step() -> None:
        logits.grad = None
        loss(logits, targets).backward()  # type: ignore[no-untyped-call]

    return step


def peak(step: Callable[[], None], unit: int) -> float:
    """Give the most memory that a step allocates and holds at once, in units."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    sizes: list[int] = [
        event.nbytes()
        for event in sorted(events, key=lambda event: event.start_ns())
        if event.name() == "[memory]"
    ]
    return max(accumulate(sizes)) / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="three objectives, short runs")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    seconds = 0.2 if arguments.quick else 1.0
    print(f"torch {torch.__version__}, {arguments.threads} threads, best runs in {seconds} s")
    shown = ["none", "asl", "effective_number"] if arguments.quick else None

    table: dict[tuple[str, str], list[str]] = {}
    for shape in SHAPES:
        logits, targets = batch(shape)
        gradient = torch.empty(shape)
        detached = logits.detach()

        def copy(read: Tensor = detached, write: Tensor = gradient, also: Tensor = targets) -> None:
            torch.add(read, also, out=write)

        limit = best(copy, seconds)
        print(f"limit at {shape[0]} x {shape[1]}: {limit * 1e3:.3f} ms")
        for who, losses in (("ours", ours(shape[1])), ("theirs", theirs(shape[1]))):
            for name, loss in losses.items():
                if shown is not None and name not in shown:
                    continue
                torch.compiler.reset()
                compiled = torch.compile(loss, fullgraph=True, dynamic=False)
                for run in (loss, compiled):
                    ratio = best(stepper(run, logits, targets), seconds) / limit
                    table.setdefault((name, who), []).append(f"{ratio:.1f}")

    logits, targets = batch(MEMORY_SHAPE)
    unit = logits.numel() * logits.element_size()
    for who, losses in (("ours", ours(MEMORY_SHAPE[1])), ("theirs", theirs(MEMORY_SHAPE[1]))):
        for name, loss in losses.items():
            if (name, who) in table:
                logits.grad = None
                table[name, who].append(f"{peak(stepper(loss, logits, targets), unit):.1f}")

    heads = [f"{rows}x{labels} {how}" for rows, labels in SHAPES for how in ("eager", "compiled")]
    print("\n" + f"{'multiple of the limit':30}" + "".join(f"{h:>20}" for h in [*heads, "memory"]))
    for name, who in sorted(table, key=lambda key: (names().index(key[0]), key[1])):
        print(f"{name + ', ' + who:30}" + "".join(f"{cell:>20}" for cell in table[name, who]))


if __name__ == "__main__":
    main()
