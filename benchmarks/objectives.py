"""How long a loss and its gradient take, as a multiple of the physical limit.

    python benchmarks/objectives.py [--threads 2] [--quick]

The limit is one read of logits and targets and one write of gradients. Each figure is the best of
several runs of a forward and a backward pass, as a multiple of it, without and with a compiler
(torch.compile). All are timed in turns, so that what else the machine does disturbs them alike.

Our objectives stand beside PyTorch's and timm's, and beside the arithmetic of a loss alone: a
sigmoid and a logarithm a cell. Where the batch fits the cache, these cost far more than to read
and write it. In parentheses stands each figure as a multiple of PyTorch's own binary cross-entropy
without a compiler. The memory is what a step of an 80 MB batch holds at most beyond its inputs, in
sizes of the gradient (which is one of them).
"""

from __future__ import annotations

import argparse
import os
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
EAGER, COMPILED = "eager", "compiled"
Key = tuple[str, str, str]
LIMIT: Key = ("limit", "", "")


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


def best(steps: dict[Key, Callable[[], object]], rounds: int) -> dict[Key, float]:
    """Give the shortest run of each step in seconds, of rounds in which all take their turn."""
    shortest = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for key, step in steps.items():
            step()  # to find its own data in the cache, not that of the one before
            start = time.perf_counter()
            step()
            shortest[key] = min(shortest[key], time.perf_counter() - start)
    return shortest


def stepper(loss: Callable[..., Tensor], logits: Tensor, targets: Tensor) -> Callable[[], None]:
    def step() -> None:
        logits.grad = None
        loss(logits, targets).backward()  # type: ignore[no-untyped-call]

    return step


def peak(step: Callable[[], None], unit: int) -> float:
    """Give the most memory that a step allocates and holds at once on one thread, in units.

    One, because the profiler sees only the memory of the thread that runs the step.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events = profiler.profiler.kineto_results.events()
    sizes: list[int] = [
        event.nbytes()
        for event in sorted(events, key=lambda event: event.start_ns())
        if event.name() == "[memory]"
    ]
    torch.set_num_threads(threads)
    return max(accumulate(sizes)) / unit


def floors(logits: Tensor, targets: Tensor) -> dict[Key, Callable[[], object]]:
    """Give the steps that others are compared with."""
    z, one, two = logits.detach(), torch.empty(logits.shape), torch.empty(logits.shape)

    def arithmetic() -> None:
        torch.sigmoid(z, out=one)
        torch.ops.aten.softplus.out(z, 1, 40, out=two)

    compiled = torch.compile(lambda z: (1 / (1 + torch.exp(-z))).log(), dynamic=False)
    return {
        LIMIT: lambda: torch.add(z, targets, out=one),
        ("arithmetic", "alone", EAGER): arithmetic,
        ("arithmetic", "alone", COMPILED): lambda: compiled(z),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="three objectives, few rounds")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch._dynamo.config.recompile_limit = 100
    shown = ["none", "asl", "effective_number"] if arguments.quick else names()

    rows: dict[tuple[str, str], list[str]] = {}
    for shape in SHAPES:
        logits, targets = batch(shape)
        steps = floors(logits, targets)
        for who, losses in (("ours", ours(shape[1])), ("theirs", theirs(shape[1]))):
            for name in filter(shown.__contains__, losses):
                compiled = torch.compile(losses[name], fullgraph=True, dynamic=False)
                steps[name, who, EAGER] = stepper(losses[name], logits, targets)
                steps[name, who, COMPILED] = stepper(compiled, logits, targets)
        for step in steps.values():
            step()
        found = best(steps, 5 if arguments.quick else 30)
        limit, yardstick = found.pop(LIMIT), found["none", "theirs", EAGER]
        print(f"limit at {shape[0]} x {shape[1]}: {limit * 1e3:.3f} ms; {load()}")
        for (name, who, _how), seconds in found.items():
            cells = rows.setdefault((name, who), [])
            cells.append(f"{seconds / limit:.1f} ({seconds / yardstick:.2f})")

    logits, targets = batch(MEMORY_SHAPE)
    unit = logits.numel() * logits.element_size()
    for who, losses in (("ours", ours(MEMORY_SHAPE[1])), ("theirs", theirs(MEMORY_SHAPE[1]))):
        for name in filter(shown.__contains__, losses):
            logits.grad = None
            step = stepper(losses[name], logits, targets)
            held = peak(step, unit)
            if who == "ours":
                # Beside the one gradient each thread holds the buffers of its block.
                held += (arguments.threads - 1) * (held - 1)
            rows[name, who].append(f"{held:.2f}")

    heads = [
        f"{batch_rows}x{labels} {how}" for batch_rows, labels in SHAPES for how in (EAGER, COMPILED)
    ]
    print(f"\ntorch {torch.__version__}, {arguments.threads} threads; multiples of the limit, in")
    print("parentheses of PyTorch's binary cross-entropy without a compiler; memory in gradients")
    print(f"{'':30}" + "".join(f"{h:>21}" for h in [*heads, "memory"]))
    order = ["arithmetic", *names()]
    for key in sorted(rows, key=lambda key: (order.index(key[0]), key[1])):
        print(f"{', '.join(key):30}" + "".join(f"{cell:>21}" for cell in rows[key]))


def load() -> str:
    """Say how much else the machine does."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
