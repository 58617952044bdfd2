"""A detector as an HTTP service."""

from longtailor.serving.app import create_app
from longtailor.serving.settings import ServeSettings

__all__ = ["ServeSettings", "create_app"]
