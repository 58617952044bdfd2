"""What is refused before any route sees it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longtailor.serving.metrics import Metrics
from longtailor.serving.settings import ServeSettings, is_loopback

HEALTH = ("/health", "/health/live")
BODIES_AT_ONCE = 8
"""Bodies of the largest size that are read at the same time."""
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
        started = False

        async def harden(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope["path"], Headers(scope=scope))
            await self._pass_on(scope, receive, harden)
        except HTTPException as error:
            headers = {**(error.headers or {}), "connection": "close"}
            answer = JSONResponse({"detail": error.detail}, error.status_code, headers)
            await answer(scope, receive, harden)
        except asyncio.CancelledError:
            # The time that a stopping server gives is over.
            if started:
                raise
            answer = JSONResponse({"detail": "the service stopped before it was done"}, 503)
            await answer(scope, receive, harden)

    def _check(self, path: str, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise self._refused(
                "host", 400, "the Host header names another service (see --allow-host)"
            )
        origin = headers.get("origin")
        if origin is not None and not self._same(origin, host):
            raise self._refused("origin", 403, "pages of other origins may not use this service")
        if self._settings.token is not None and path not in HEALTH and not self._shown(headers):
            raise self._refused("token", 401, "show the token: Authorization: Bearer TOKEN")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._settings.max_body:
            raise self._too_large()

    def _is_ours(self, host: str) -> bool:
        allowed = self._settings.allowed_hosts
        if not allowed and not is_loopback(self._settings.host):
            return True
        name = _name(f"//{host}")
        return name is not None and (name in allowed or is_loopback(name))

    def _same(self, origin: str, host: str) -> bool:
        return urlsplit(origin).netloc.lower() == host.lower() or (
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

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                read += size
                self._reading += size
                if read > self._settings.max_body:
                    raise self._too_large()
                if self._reading > BODIES_AT_ONCE * self._settings.max_body:
                    raise self._refused(
                        "bodies", 503, "the service reads all it can take; try again"
                    )
            return message

        try:
            await self._app(scope, limited, send)
        finally:
            self._reading -= read

    def _too_large(self) -> HTTPException:
        return self._refused(
            "body", 413, f"a request has {self._settings.max_body:,} bytes at most"
        )

    def _refused(self, reason: str, status: int, detail: str) -> HTTPException:
        self._metrics.rejected.labels(reason).inc()
        headers = {503: {"Retry-After": "1"}, 401: {"WWW-Authenticate": "Bearer, Basic"}}
        return HTTPException(status, detail, headers.get(status))


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
