"""`longtailor serve`: serving the detector of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longtailor.detector import Detector
from longtailor.serving.app import create_app
from longtailor.serving.review import open_review
from longtailor.serving.server import run_server
from longtailor.serving.settings import ServeSettings


@dataclass(frozen=True)
class ReviewSource:
    """Which catalogue to review, and where decisions go."""

    catalog: Path
    annotations: Path
    images: Path | None = None


def serve_run(
    run: Path,
    settings: ServeSettings,
    announce: Callable[[str], None],
    review: ReviewSource | None = None,
) -> None:
    """Serve the detector of a run until SIGINT or SIGTERM.

    Parameters
    ----------
    run : Path
        A folder that fit wrote.
    settings : ServeSettings
    announce : callable
        Called with the address once the service can be reached.
    review : ReviewSource, optional
        What the review page is for; without it there is none.

    Raises
    ------
    LongtailorError
        If the run cannot be used, or the address cannot be listened at.
    """
    detector = Detector.load(run)
    # Here and not by the server, so that weights that are missing are told in one line.
    _ = detector.loaded_encoders
    pages = (
        None
        if review is None
        else open_review(run, review.catalog, review.annotations, images=review.images)
    )
    run_server(create_app(detector, settings, review=pages), settings, announce)
