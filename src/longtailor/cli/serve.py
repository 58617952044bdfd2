"""`longtailor serve`: a detector as an HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import message


def serve(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    review: Annotated[
        Path | None,
        typer.Option(help="A catalogue to review at /review; decisions go to --annotations."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of its images.  [default: the catalogue's folder]"),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="The .jsonl file that decisions are appended to.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; with a token where others can reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes any that is free.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LONGTAILOR_TOKEN",
            help="What clients have to show. Better set in the environment: other users of the "
            "machine can read the options of a command.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that clients may use, such as that of a proxy. Repeatable."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Products scored together at most.")] = 16,
    batch_wait: Annotated[
        float, typer.Option(help="Seconds that a product waits for others.")
    ] = 0.002,
    queue: Annotated[
        int, typer.Option(help="Products in progress at most; more are answered 503.")
    ] = 128,
    max_products: Annotated[int, typer.Option(help="Products in a request.")] = 32,
    max_megabytes: Annotated[float, typer.Option(help="Of a request.")] = 64,
    max_megapixels: Annotated[float, typer.Option(help="Of an image.")] = 50,
    max_text: Annotated[int, typer.Option(help="Characters of a text.")] = 20_000,
    timeout: Annotated[float, typer.Option(help="Seconds for a request.")] = 30,
    drain: Annotated[
        int, typer.Option(help="Seconds that accepted requests get when it is told to stop.")
    ] = 30,
) -> None:
    """Answer requests over HTTP: predictions, labels, health, metrics."""
    from longtailor.errors import LongtailorError, UsageError

    if (review is None) != (annotations is None):
        raise UsageError("--review and --annotations belong together: a catalogue, and a file")
    try:
        from longtailor.serving import ServeSettings
        from longtailor.serving.run import ReviewSource, serve_run
    except ModuleNotFoundError as error:
        raise LongtailorError(
            f"{error.name} is not installed: pip install 'longtailor[serve]'"
        ) from error

    settings = ServeSettings(
        host=host,
        port=port,
        token=token,
        allowed_hosts=tuple(name.lower() for name in allow_host or ()),
        batch_size=batch_size,
        batch_wait=batch_wait,
        queue=queue,
        max_products=max_products,
        max_megabytes=max_megabytes,
        max_megapixels=max_megapixels,
        max_text=max_text,
        timeout=timeout,
        drain=drain,
    )
    source = None
    if review is not None and annotations is not None:
        source = ReviewSource(review, annotations, images)

    def announce(address: str) -> None:
        message(f"serving {run} at {address}")
        if source is not None:
            message(f"review {source.catalog} at {address}/review")

    serve_run(run, settings, announce, source)
