"""What decides how a detector is served."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field

from longtailor.errors import UsageError

_WHOLE = ("batch_size", "queue", "max_products", "max_text", "drain")
_POSITIVE = ("max_megabytes", "max_megapixels", "timeout")


@dataclass(frozen=True)
class ServeSettings:
    """How a detector is served, and what a client may ask of it.

    Parameters
    ----------
    host, port
        The address to listen at. Anything but a loopback address needs a token.
    token : str, optional
        What clients have to show, as `Authorization: Bearer TOKEN`, or as the password of HTTP
        Basic, which is what a browser asks for. Only the state of the service is told without.
    allowed_hosts : tuple of str
        Names in lower case that clients may reach the service by (the `Host` header), beside
        loopback addresses: that of a proxy, for example. With none, any name goes where a token
        is needed.
    batch_size : int
        Products that go through the encoder together at most.
    batch_wait : float
        Seconds that the first product of a batch waits for others.
    queue : int
        Products that are accepted and not yet answered at most; more are refused.
    max_products : int
        Products in a request.
    max_megabytes : float
        Of a request. Eight times as many are read at once, of all requests together.
    max_megapixels : float
        Of an image.
    max_text : int
        Characters of a text.
    timeout : float
        Seconds for a request, from its first byte to its answer.
    drain : int
        Seconds that accepted requests get when the service is told to stop.

    Raises
    ------
    UsageError
        If a number makes no sense, or the service would be open to a network without a token.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    batch_size: int = 16
    batch_wait: float = 0.002
    queue: int = 128
    max_products: int = 32
    max_megabytes: float = 64.0
    max_megapixels: float = 50.0
    max_text: int = 20_000
    timeout: float = 30.0
    drain: int = 30

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host} can be reached by others: set LONGTAILOR_TOKEN to a secret "
                "that clients have to show (or serve at 127.0.0.1)"
            )
        if self.token is not None and not _fits_a_header(self.token):
            raise UsageError("a token is made of ASCII letters, digits and signs, without blanks")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port} is no number from 0 to 65535")
        for name in _WHOLE:
            if getattr(self, name) < 1:
                raise UsageError(f"{_option(name)} has to be 1 or more")
        for name in _POSITIVE:
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{_option(name)} has to be above 0")
        if not 0 <= self.batch_wait < self.timeout:
            raise UsageError("--batch-wait has to be 0 or more, and shorter than --timeout")
        if self.max_products > self.queue:
            raise UsageError(
                f"--max-products {self.max_products} is more than the --queue of {self.queue} holds"
            )

    @property
    def max_bytes(self) -> int:
        """Bytes of a request."""
        return int(1e6 * self.max_megabytes)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(host: str, port: int) -> str:
    """Write a host and a port as a URL."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _fits_a_header(token: str) -> bool:
    return token.isascii() and token.isprintable() and bool(token) and " " not in token


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
