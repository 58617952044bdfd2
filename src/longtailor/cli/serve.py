"""`longtailor serve`: a detector as an HTTP service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longtailor.cli.options import message


def serve(
    run: Annotated[Path, typer.Argument(help="A folder that fit wrote.")],
    host: Annotated[
        str, typer.Option(help="The address to listen at; not a loopback address: with a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LONGTAILOR_TOKEN",
            help="What clients have to show. Other users of the machine see an option; they do "
            "not see the environment.",
        ),
    ] = None,
) -> None:
    """Answer requests over HTTP: predictions, labels, health, metrics."""
    from longtailor.detector import Detector
    from longtailor.serving import ServeSettings, create_app
    from longtailor.serving.server import run_server

    settings = ServeSettings(host=host, port=port, token=token)
    app = create_app(Detector.load(run), settings)
    message(f"serving {run} at http://{host}:{port}")
    run_server(app, settings)
