"""`longtailor objectives`: the family, or one of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RECIPE = (
    "auto is no objective but the recipe that fit follows where none is given: a linear and a "
    "kernel classifier without weights, fitted to train and val together and averaged "
    "(docs/what-we-tried.md)"
)


def objectives(
    name: Annotated[
        str | None, typer.Argument(help="An objective, as NAME or NAME:parameter=value,..")
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option(help="Show what the weights come to on the train split of this catalogue."),
    ] = None,
) -> None:
    """List the objectives, or show one: formula, parameters, source and weights."""
    from longtailor.errors import UsageError
    from longtailor.objectives import describe, family, is_by_attribute
    from longtailor.objectives.by_attribute import split_specification

    if name is None:
        if catalog is not None:
            raise UsageError("--catalog shows the weights of one objective: name it first")
        rows = family()
        width = max(len(row[0]) for row in rows)
        for short, title, source in rows:
            typer.echo(f"{short:{width}}  {title}. {source}")
        typer.echo("\nA loss and a weighting combine: asl+effective_number:gamma_neg=4,beta=0.99")
        typer.echo("An attribute can have its own: none;sleeve=asl;archetype=softmax")
        typer.echo(RECIPE)
        return
    if name.strip() == "auto":
        if catalog is not None:
            raise UsageError("auto has no weights that --catalog could show")
        typer.echo(RECIPE)
        return
    if is_by_attribute(name):
        default, named = split_specification(name)
        told = [f"all others: {default}", *(f"{one}: {of}" for one, of in named.items())]
        typer.echo("\n".join(told))
    else:
        typer.echo(describe(name))
    if catalog is not None:
        typer.echo()
        typer.echo(weights_on(name, catalog))


def weights_on(name: str, path: Path) -> str:
    """Give the table of an objective's weights on the train split of a catalogue."""
    from longtailor.catalog import TRAIN, Catalog
    from longtailor.objectives import build_for, weights_table

    catalog = Catalog.read(path)
    split = TRAIN if catalog.in_split(TRAIN).any() else None
    space = catalog.space
    objective = build_for(name, space, statistics=catalog.statistics(split))
    rows = weights_table(objective, space.labels)
    columns = list(rows[0])
    width = max(len(label) for label in (*space.labels, "label"))
    lines = [f"{'label':{width}}" + "".join(f"{column:>10}" for column in columns[1:])]
    for row in rows:
        numbers = (row[column] for column in columns[1:])
        lines.append(f"{row['label']:{width}}" + "".join(f"{number:>10.4g}" for number in numbers))
    return "\n".join(lines)
