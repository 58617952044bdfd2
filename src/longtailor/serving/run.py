"""`longtailor serve`: serving the detector of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from longtailor.detector import Detector
from longtailor.serving.app import create_app
from longtailor.serving.server import run_server
from longtailor.serving.settings import ServeSettings


def serve_run(run: Path, settings: ServeSettings, announce: Callable[[str], None]) -> None:
    """Serve the detector of a run until SIGINT or SIGTERM.

    Parameters
    ----------
    run : Path
        A folder that fit wrote.
    settings : ServeSettings
    announce : callable
        Called with the address once the service can be reached.

    Raises
    ------
    LongtailorError
        If the run cannot be used, or the address cannot be listened at.
    """
    detector = Detector.load(run)
    # Here and not by the server, so that weights that are missing are told in one line.
    _ = detector.loaded_encoders
    run_server(create_app(detector, settings), settings, announce)
