"""`longtailor cache`: what the embedding cache holds, and forgetting it."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(name="cache", help="Show or clear the embedding cache.")


@app.callback(invoke_without_command=True)
def show(context: typer.Context) -> None:
    """Show where the embedding cache is, its size, and how many embeddings it holds by encoder."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from longtailor.encoders.cache import EmbeddingCache, cache_path

    console = Console(soft_wrap=True)
    path = cache_path()
    if not path.exists():
        console.print(f"{path}: nothing is cached", highlight=False)
        return
    with EmbeddingCache() as cache:
        console.print(f"{path}: {decimal(cache.size())}", highlight=False)
        table = Table("encoder", "fingerprint and backend", box=None)
        table.add_column("embeddings", justify="right")
        table.add_column("size", justify="right")
        for held in cache.encoders():
            table.add_row(held.name, held.key, f"{held.embeddings:,}", decimal(held.bytes))
        if table.row_count:
            console.print(table)


@app.command()
def clear(
    encoder: Annotated[
        str | None, typer.Option(help="Forget the embeddings of this encoder only.")
    ] = None,
) -> None:
    """Forget cached embeddings. They are computed again when they are needed."""
    from longtailor.encoders.cache import (
        DamagedCacheError,
        EmbeddingCache,
        cache_path,
        remove_cache,
    )

    path = cache_path()
    if encoder is None and not path.exists():
        typer.echo(f"{path}: nothing is cached")
        return
    try:
        with EmbeddingCache() as cache:
            forgotten = cache.clear(encoder)
    except DamagedCacheError:
        if encoder is not None:
            raise
        remove_cache()
        typer.echo(f"removed the damaged cache {path}")
    else:
        typer.echo(f"forgot the embeddings of {forgotten:,} images and texts in {path}")
