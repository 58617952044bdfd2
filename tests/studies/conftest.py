from __future__ import annotations

from pathlib import Path

import pytest

from longtailor.catalog import Catalog
from longtailor.fitting import Embedded, FitOptions
from longtailor.studies.setup import embed_study


@pytest.fixture
def embedded_shop(shop: Path, light_encoder: object) -> Embedded:
    """The drawn catalogue of 120 products, ready for a study."""
    return embed_study(Catalog.read(shop), FitOptions())
