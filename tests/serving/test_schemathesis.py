"""What the OpenAPI says, held against what the service does with drawn requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.formats import unregister_string_format
from schemathesis.transport.serialization import Binary

from longtailor import Detector

Describe = Callable[[Detector], Any]


@pytest.fixture
def describe(serve: Callable[..., TestClient]) -> Describe:
    """Gives the OpenAPI of a detector that is served."""

    def start(detector: Detector) -> Any:
        client = serve(detector, allowed_hosts=("testserver",), max_products=3)
        return schemathesis.openapi.from_asgi("/openapi.json", client.app)

    return start


@pytest.fixture
def _files_are_photos(photo: Callable[..., bytes]) -> Iterator[None]:
    files = [Binary(photo(1)), Binary(photo(2, kind="JPEG")), Binary(photo(3, kind="GIF"))]
    schemathesis.openapi.format("binary", st.sampled_from(files))
    yield
    unregister_string_format("binary")


def hold(operation: Any, mode: GenerationMode, excluded: tuple[Any, ...] = ()) -> None:
    """Hold an operation against 50 drawn requests that its OpenAPI allows, or does not."""

    @seed(0)
    @settings(
        max_examples=50,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=list(excluded))

    holds()


@pytest.mark.parametrize("path", ["/labels", "/health", "/health/live", "/metrics"])
def test_what_is_asked_for(describe: Describe, detector: Detector, path: str) -> None:
    hold(describe(detector)[path]["GET"], GenerationMode.POSITIVE)


@pytest.mark.usefixtures("_files_are_photos")
@pytest.mark.parametrize("mode", GenerationMode)
def test_images(describe: Describe, detector: Detector, mode: GenerationMode) -> None:
    hold(describe(detector)["/predict"]["POST"], mode)


# In a form every value is a text, also what was meant to be null or a number.
@pytest.mark.parametrize("mode", GenerationMode)
def test_texts(describe: Describe, text_detector: Detector, mode: GenerationMode) -> None:
    hold(describe(text_detector)["/predict"]["POST"], mode, (negative_data_rejection,))


@pytest.mark.parametrize("mode", GenerationMode)
def test_images_with_texts(
    describe: Describe, both_detector: Detector, mode: GenerationMode
) -> None:
    # Nor can an OpenAPI say that files are images, and as many as the texts.
    excluded = (negative_data_rejection, positive_data_acceptance)
    hold(describe(both_detector)["/predict"]["POST"], mode, excluded)
