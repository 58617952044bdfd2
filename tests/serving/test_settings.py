from __future__ import annotations

from typing import Any

import pytest

from longtailor.errors import UsageError
from longtailor.serving import ServeSettings
from longtailor.serving.settings import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost", "LocalHost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert is_loopback(host)
    assert ServeSettings(host=host).token is None


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.4", "shop.example", "localhost.evil.example", "127.0.0.1.nip.io"],
)
def test_all_else_does(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="set LONGTAILOR_TOKEN"):
        ServeSettings(host=host)
    assert ServeSettings(host=host, token="secret").token == "secret"


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(ServeSettings(token="secret"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"token": ""}, "a token is made of"),
        ({"token": "two words"}, "a token is made of"),
        ({"token": "schlüssel"}, "a token is made of"),
        ({"port": 65536}, "--port 65536"),
        ({"batch_size": 0}, "--batch-size has to be 1"),
        ({"drain": 0}, "--drain has to be 1"),
        ({"max_megapixels": 0}, "--max-megapixels has to be above 0"),
        ({"timeout": float("nan")}, "--timeout has to be above 0"),
        ({"timeout": float("inf")}, "--timeout has to be above 0"),
        ({"batch_wait": -1}, "--batch-wait"),
        ({"batch_wait": 5, "timeout": 4}, "--batch-wait"),
        ({"max_products": 9, "queue": 8}, "--max-products 9 is more than the --queue of 8"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ServeSettings(**settings)
