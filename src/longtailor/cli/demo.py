"""`longtailor demo`: see the main job done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import message


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("longtailor-demo"),
    products: Annotated[int, typer.Option(min=96, help="Garments to draw.")] = 1200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawing and the fits.")] = 0,
) -> None:
    """Draw a catalogue with six puff sleeves in a thousand, and learn it three ways."""
    from longtailor.catalog import TEST
    from longtailor.reporting.terminal import print_figures
    from longtailor.runs.demo import run_demo

    done = run_demo(out, products=products, seed=seed)
    print_figures({name: one.evaluations[TEST].summary for name, one in done.fitted.items()})
    message(f"{sum(done.seconds.values()):.0f} s: " + ", ".join(_stages(done.seconds)))
    message(f"look at {done.sheet} and {done.page}")


def _stages(seconds: dict[str, float]) -> list[str]:
    return [f"{stage} {spent:.0f} s" for stage, spent in seconds.items() if spent >= 0.5]
