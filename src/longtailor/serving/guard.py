"""What is refused before any route sees it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtailor.serving.metrics import Metrics
from longtailor.serving.refusals import refuse
from longtailor.serving.settings import ServeSettings, is_loopback

HEALTH = ("/health", "/health/live")
BODIES_AT_ONCE = 8
"""Bodies of the largest size that are read at the same time."""
LINGER = 2.0
"""Seconds that a client may go on sending what is not wanted."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
}
"""Sent with every answer that does not say otherwise itself."""


class Guard:
    """Middleware that lets only those requests pass that may, and no more of them than wanted.

    - The `Host` header names this service. A page that a browser loaded from elsewhere could
      otherwise have its own name point to a loopback address, and read what is served there.
    - The `Origin` header, if there is one, too: a page from elsewhere could otherwise post.
    - The token is shown, if there is one.
    - The body is no larger than allowed, whatever its `Content-Length` says, and those of all
      requests together neither.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._reading = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            self._check(scope["path"], exchange.headers)
            await self._app(scope, lambda: self._receive(exchange), exchange.send)
        except HTTPException as error:
            await exchange.answer(error.status_code, error.detail, error.headers)
        except asyncio.CancelledError:
            # The time that a stopping server gives is over.
            if not exchange.started:
                await exchange.answer(503, "the service stopped before it was done")
        finally:
            self._reading -= exchange.read

    def _check(self, path: str, headers: Headers) -> None:
        if path in HEALTH:
            # Whatever watches over the service may know it by another name, and has no token.
            return
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise self._refused(
                "host", 400, "the Host header names another service (see --allow-host)"
            )
        origin = headers.get("origin")
        if origin is not None and not self._same(origin, host):
            raise self._refused("origin", 403, "pages of other origins may not use this service")
        if self._settings.token is not None and not self._shown(headers):
            raise self._refused("token", 401, "show the token: Authorization: Bearer TOKEN")
        if int(headers.get("content-length", "0")) > self._settings.max_bytes:
            raise self._too_large()

    def _is_ours(self, host: str) -> bool:
        allowed = self._settings.allowed_hosts
        if not allowed and not is_loopback(self._settings.host):
            return True
        name = _name(f"//{host}")
        return name is not None and (name in allowed or is_loopback(name))

    def _same(self, origin: str, host: str) -> bool:
        # An origin without the name of its scheme; `null` is that of a sandbox.
        return origin.lower().partition("://")[2] == host.lower() or (
            _name(origin) in self._settings.allowed_hosts
        )

    def _shown(self, headers: Headers) -> bool:
        assert self._settings.token is not None
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                shown = base64.b64decode(shown, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            return False
        return secrets.compare_digest(shown.strip().encode(), self._settings.token.encode())

    async def _receive(self, exchange: _Exchange) -> Message:
        """Take the next part of a body, unless there is too much of it or it is too slow."""
        try:
            async with asyncio.timeout_at(exchange.until(self._settings.timeout)):
                message = await exchange.receive()
        except TimeoutError:
            limit = f"{self._settings.timeout:g} seconds"
            raise self._refused("slow", 408, f"the request did not arrive within {limit}") from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            exchange.read += size
            exchange.complete = not message.get("more_body", False)
            self._reading += size
            if exchange.read > self._settings.max_bytes:
                raise self._too_large()
            if self._reading > BODIES_AT_ONCE * self._settings.max_bytes:
                raise self._refused("bodies", 503, "the service reads all it can take: try again")
        return message

    def _too_large(self) -> HTTPException:
        return self._refused(
            "body", 413, f"a request has {self._settings.max_bytes:,} bytes at most"
        )

    def _refused(self, reason: str, status: int, detail: str) -> HTTPException:
        return refuse(self._metrics, reason, status, detail)


class _Exchange:
    """A request that is being read, and its answer.

    Attributes
    ----------
    read : int
        Bytes of the body that have come.
    complete : bool
        Whether all of it has.
    started : bool
        Whether the answer has begun.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = Headers(scope=scope)
        self.receive = receive
        self.read = 0
        self.complete = "transfer-encoding" not in self.headers and (
            self.headers.get("content-length", "0") == "0"
        )
        self.started = False
        self._scope = scope
        self._send = send
        self._began = asyncio.get_running_loop().time()

    def until(self, timeout: float) -> float | None:
        """When the next part of the body has to be there; once all is, whoever asks may wait."""
        return None if self.complete else self._began + timeout

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if not self.complete:
                # The rest of the body is not wanted.
                headers["connection"] = "close"
        if self.complete or message.get("more_body", message["type"] == "http.response.start"):
            await self._send(message)
            return
        # Who closes on a client that still sends takes the answer away from it.
        await self._send({**message, "more_body": True})
        await self._linger()
        await self._send({"type": "http.response.body", "body": b""})

    async def _linger(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                more = True
                while more:
                    more = (await self.receive()).get("more_body", False)

    async def answer(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with an error."""
        response = JSONResponse({"detail": detail}, status, headers)
        await response(self._scope, self.receive, self.send)


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
