from __future__ import annotations

import asyncio
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException

from longtailor import Detector
from longtailor.errors import ImageError
from longtailor.serving import ServeSettings
from longtailor.serving.batching import Product
from longtailor.serving.service import Service


@pytest.fixture
def service(detector: Detector) -> Service:
    return Service(detector, ServeSettings(queue=4, max_products=4, max_megapixels=0.01))


def test_places_are_given_back_whatever_happens(service: Service) -> None:
    with service.place(3):
        assert not service.full
        with service.place():
            assert service.full
            with pytest.raises(HTTPException) as refused, service.place():
                pass
            assert refused.value.status_code == 503
        with pytest.raises(ZeroDivisionError), service.place():
            raise ZeroDivisionError
        with pytest.raises(HTTPException), service.place(2):
            pass
    with service.place(4):
        assert service.full


def test_it_scores_while_it_runs(
    service: Service, detector: Detector, photo: Callable[..., bytes]
) -> None:
    assert not service.alive

    async def scene() -> None:
        small, large = photo(size=(60, 40)), photo(size=(200, 100))
        pixels, reason = await service.decode(
            [("small.png", io.BytesIO(small)), ("large.png", io.BytesIO(large))]
        )
        assert isinstance(reason, ImageError)
        assert str(reason) == "large.png: 200 x 100 pixels, more than 0.01 megapixels"
        assert not isinstance(pixels, ImageError)
        scores = await service.score([Product(pixels, None)] * 2)
        wanted = detector.probabilities(detector.embed([Image.open(io.BytesIO(small))]))[0]
        for one in scores:
            np.testing.assert_allclose(one.probabilities, wanted, 1e-6)

    with service.running():
        assert service.alive
        asyncio.run(scene())
    assert not service.alive
