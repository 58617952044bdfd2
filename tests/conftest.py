from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real catalogues, which are not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LONGTAILOR_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the real catalogues, and {folder} is not there")
    return folder
