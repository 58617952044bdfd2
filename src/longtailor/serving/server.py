"""Running the service until it is told to stop."""

from __future__ import annotations

import signal
from types import FrameType

import uvicorn
from fastapi import FastAPI

from longtailor.serving.settings import ServeSettings


def run_server(app: FastAPI, settings: ServeSettings) -> None:
    """Serve until SIGINT or SIGTERM, and then until what was accepted is answered.

    Raises
    ------
    LongtailorError
        If the address cannot be listened at.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="h11",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=round(settings.drain),
    )
    # uvicorn sends itself the signal again once it has stopped: that was asked for, no failure.
    handlers = {each: signal.signal(each, _nothing) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run()
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
