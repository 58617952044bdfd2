from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from longtailor import Detector
from longtailor.serving import ServeSettings, guard
from longtailor.serving.guard import Guard
from longtailor.serving.metrics import Metrics

TOKEN = "s3cret"
Serve = Callable[..., TestClient]


def refused(client: TestClient, reason: str) -> float:
    found = client.app.state.service.metrics.registry.get_sample_value(  # type: ignore[attr-defined]
        "longtailor_rejected_total", {"reason": reason}
    )
    return found or 0.0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "[::1]:80"])
def test_a_loopback_name_is_let_in(client: TestClient, host: str) -> None:
    assert client.get("/labels", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:8000", "", "127.0.0.1.nip.io", "[", "0.0.0.0"]
)
def test_another_name_is_not(client: TestClient, host: str) -> None:
    answer = client.get("/labels", headers={"host": host})
    assert answer.status_code == 400
    assert "Host" in answer.json()["detail"]
    assert refused(client, "host") == 1
    # A watcher may know the service by its own name for it.
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_names_can_be_allowed(detector: Detector, serve: Serve) -> None:
    client = serve(detector, allowed_hosts=("shop.example",))
    assert client.get("/labels", headers={"host": "Shop.Example:443"}).status_code == 200
    assert client.get("/labels", headers={"host": "localhost"}).status_code == 200
    assert client.get("/labels", headers={"host": "evil.example"}).status_code == 400
    headers = {"host": "localhost:8000", "origin": "https://shop.example"}
    assert client.get("/labels", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://127.0.0.1:8000", 200),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8000", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
def test_pages_of_other_origins_are_not_served(
    client: TestClient, origin: str, status: int
) -> None:
    headers = {"host": "127.0.0.1:8000", "origin": origin}
    assert client.get("/labels", headers=headers).status_code == status
    assert refused(client, "origin") == (status == 403)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (basic(TOKEN), 200),
        (None, 401),
        ("", 401),
        (TOKEN, 401),
        ("Bearer", 401),
        ("Bearer s3cre", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Digest {TOKEN}", 401),
        (basic("x"), 401),
        ("Basic ???", 401),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 401),
    ],
)
def test_the_token(detector: Detector, serve: Serve, shown: str | None, status: int) -> None:
    client = serve(detector, host="0.0.0.0", token=TOKEN)
    headers = {} if shown is None else {"authorization": shown}
    for path in ("/labels", "/metrics", "/openapi.json", "/docs"):
        answer = client.get(path, headers={"host": "anything", **headers})
        assert answer.status_code == status, path
        if status == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["detail"].startswith("show the token")
    missing = client.get("/nowhere", headers=headers).status_code
    assert missing == (404 if status == 200 else 401)
    assert client.get("/health").status_code == client.get("/health/live").status_code == 200


def test_the_token_is_in_the_openapi_where_there_is_one(
    client: TestClient, detector: Detector, serve: Serve
) -> None:
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
    guarded = serve(detector, token=TOKEN)
    described = guarded.get("/openapi.json", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert described["components"]["securitySchemes"]
    assert "security" in described["paths"]["/predict"]["post"]
    assert "security" not in described["paths"]["/health"]["get"]


def test_headers_that_protect_a_browser(client: TestClient) -> None:
    for answer in (client.get("/labels"), client.get("/nowhere"), client.post("/predict")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "access-control-allow-origin" not in answer.headers


def chunks(size: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_a_body_that_says_that_it_is_too_large(detector: Detector, serve: Serve) -> None:
    client = serve(detector, max_megabytes=0.01)
    for path in ("/predict", "/nowhere"):
        answer = client.post(path, content=b"x" * 10_001)
        assert answer.status_code == 413
        assert answer.json() == {"detail": "a request has 10,000 bytes at most"}
        assert answer.headers["connection"] == "close"


def test_a_body_that_does_not_say_so(detector: Detector, serve: Serve) -> None:
    client = serve(detector, max_megabytes=0.01)
    headers = {"content-type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'

    def sent() -> Iterator[bytes]:
        yield part
        yield from chunks(1000, 1000)

    answer = client.post("/predict", content=sent(), headers=headers)
    assert answer.status_code == 413
    assert answer.json() == {"detail": "a request has 10,000 bytes at most"}
    assert (
        client.app.state.service.metrics.registry.get_sample_value(  # type: ignore[attr-defined]
            "longtailor_products_in_progress"
        )
        == 0
    )


class Exchange:
    """Calls the guard as a server does."""

    def __init__(self, *parts: bytes, headers: dict[str, str] | None = None) -> None:
        self.parts = list(parts)
        self.sent: list[Any] = []
        raw = [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]
        raw += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}

    async def receive(self) -> Any:
        if not self.parts:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": self.parts.pop(0), "more_body": True}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


async def read_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["more_body"]:
        pass


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no client go on sending."""
    monkeypatch.setattr(guard, "LINGER", 0.01)


@pytest.mark.usefixtures("_short")
def test_a_body_that_is_too_slow() -> None:
    exchange = Exchange(b"a")
    guarded = Guard(read_all, ServeSettings(timeout=0.05), Metrics())
    asyncio.run(guarded(exchange.scope, exchange.receive, exchange.send))
    assert exchange.status == 408
    assert b"did not arrive within 0.05 seconds" in exchange.sent[1]["body"]


@pytest.mark.usefixtures("_short")
def test_all_bodies_together_are_limited() -> None:
    async def scene() -> None:
        guarded = Guard(read_all, ServeSettings(max_megabytes=1e-5, timeout=20), Metrics())
        held = [Exchange(b"x" * 10) for _ in range(8)]
        tasks = [asyncio.create_task(guarded(e.scope, e.receive, e.send)) for e in held]
        await asyncio.sleep(0.01)
        late = Exchange(b"x")
        await guarded(late.scope, late.receive, late.send)
        assert late.status == 503
        assert (b"retry-after", b"1") in late.sent[0]["headers"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
        # They were cut short, as by a server whose patience is over, and their bytes are free.
        assert {exchange.status for exchange in held} == {503}
        again = Exchange(b"x" * 11)
        await guarded(again.scope, again.receive, again.send)
        assert again.status == 413

    asyncio.run(scene())
