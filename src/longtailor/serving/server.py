"""Running the service until it is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from longtailor.errors import LongtailorError
from longtailor.serving.connections import Connection
from longtailor.serving.settings import ServeSettings, address


def run_server(app: FastAPI, settings: ServeSettings, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, and then until what was accepted is answered.

    Parameters
    ----------
    app : FastAPI
    settings : ServeSettings
    announce : callable
        Called with the address once the service can be reached. At port 0 the system chooses one.

    Raises
    ------
    LongtailorError
        If the address cannot be listened at.
    """
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_graceful_shutdown=settings.drain,
    )
    # It warns of each form that it cannot read, which is the client's affair.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # uvicorn sends itself the signal again once it has stopped: that was asked for, no failure.
    handlers = {each: signal.signal(each, _nothing) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _bound(settings) as listener:
            _Server(config, announce).run([listener])
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            self._announce(address(*listener.getsockname()[:2]))


def _bound(settings: ServeSettings) -> socket.socket:
    """Take the address; nobody is listened to before the service is ready."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
    except OSError as error:
        raise LongtailorError(
            f"cannot listen at {settings.host} port {settings.port}: {error.strerror or error}"
        ) from error
    return listener


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
