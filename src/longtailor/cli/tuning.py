"""The options of fine-tuning, and what makes settings of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from longtailor.errors import UsageError

if TYPE_CHECKING:
    from longtailor.training.deep.options import FineTuning

Finetune = Annotated[
    bool,
    typer.Option("--finetune", help="Train the encoder too, from the frozen fit's solution."),
]
Epochs = Annotated[
    int | None, typer.Option(help="Passes over the training products, at most.  [default: 5]")
]
ImageSize = Annotated[
    int | None, typer.Option(help="Pixels to train and predict at.  [default: 160]")
]
TimeBudget = Annotated[
    str | None, typer.Option(help="Be done in this time, as 20m or 1h30m; plans the epochs.")
]
Devices = Annotated[
    int | None, typer.Option(help="Processes that train on this machine.  [default: 1]")
]
Nodes = Annotated[int | None, typer.Option(help="Machines that train.  [default: 1]")]
Tuning = Annotated[
    str | None,
    typer.Option(
        help="More settings, as batch_size=64,schedule=cosine,monitor=map_tail; see "
        "docs/fine-tuning.md."
    ),
]


def fine_tuning(
    finetune: bool,
    epochs: int | None,
    image_size: int | None,
    time_budget: str | None,
    devices: int | None,
    nodes: int | None,
    tuning: str | None,
) -> FineTuning | None:
    """Give the settings of a fine-tuning, or None where none is asked for.

    Raises
    ------
    UsageError
        If a setting makes no sense, or is given without `--finetune`.
    """
    from longtailor.training.deep.options import FineTuning, parse_duration, parse_tuning

    stated: dict[str, Any] = {
        "epochs": epochs,
        "image_size": image_size,
        "time_budget": None if time_budget is None else parse_duration(time_budget),
        "devices": devices,
        "nodes": nodes,
    }
    given = {name: value for name, value in stated.items() if value is not None}
    if not finetune:
        if given or tuning:
            name = next(iter(given), "tuning").replace("_", "-")
            frozen = " (a frozen encoder is given sizes by --encoder NAME@PX)"
            raise UsageError(
                f"--{name} is for fine-tuning: add --finetune"
                f"{frozen if name == 'image-size' else ''}"
            )
        return None
    more = parse_tuning(tuning)
    twice = next((name for name in more if name in given), None)
    if twice:
        raise UsageError(f"--tuning gives {twice}, which --{twice.replace('_', '-')} gives too")
    return FineTuning(**given, **more)
