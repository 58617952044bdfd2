"""The service as a process of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from longtailor.errors import LongtailorError
from longtailor.serving import ServeSettings
from longtailor.serving.server import run_server

SCRIPT = """
import importlib.util, signal, sys, time
from pathlib import Path
import pytest
# A shell that started the tests in the background made them deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
def load(path):
    spec = importlib.util.spec_from_file_location("conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
above, here = load({above!r}), load({here!r})
encoder = above.light_encoder.__wrapped__(pytest.MonkeyPatch(), Path({tmp!r}))
detector = here.build_detector({{"image": encoder}})
from longtailor.serving import ServeSettings, create_app
from longtailor.serving import connections
from longtailor.serving.server import run_server
connections.HEAD_SECONDS = 1.0
def announce(address):
    embed = above.Thumbnails.__call__
    def slow(self, batch):
        print("scoring", flush=True)
        time.sleep({seconds})
        return embed(self, batch)
    above.Thumbnails.__call__ = slow
    print(address, flush=True)
settings = ServeSettings(port=0, batch_size=1, **{settings!r})
run_server(create_app(detector, settings), settings, announce)
print("stopped", flush=True)
"""


class Process:
    """A service that takes some time for each product."""

    def __init__(self, tmp_path: Path, *, seconds: float = 0.0, **settings: float) -> None:
        code = SCRIPT.format(
            above=str(Path(__file__).parents[1] / "conftest.py"),
            here=str(Path(__file__).parent / "conftest.py"),
            tmp=str(tmp_path),
            seconds=seconds,
            settings=settings,
        )
        self.errors = (tmp_path / "stderr").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        assert self.process.stdout is not None
        self.out = self.process.stdout
        self.address = self.out.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.told()

    def told(self) -> str:
        self.errors.seek(0)
        return self.errors.read()

    def connect(self) -> socket.socket:
        port = urlsplit(self.address).port
        return socket.create_connection(("127.0.0.1", port or 0), timeout=10)


@contextlib.contextmanager
def begun(folder: Path, **settings: float) -> Iterator[Process]:
    started = Process(folder, **settings)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        started.out.close()
        started.errors.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(begun(tmp_path, **settings))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_it_accepted_and_refuses_new_work(
    start: Callable[..., Process], photo: Callable[..., bytes], number: int
) -> None:
    started = start(seconds=0.3)

    def ask(seed: int) -> int:
        files = [("images", (f"{at}.png", photo(seed + at))) for at in range(2)]
        return httpx.post(f"{started.address}/predict", files=files, timeout=30).status_code

    with ThreadPoolExecutor(4) as clients:
        asked = [clients.submit(ask, seed) for seed in range(4)]
        assert started.out.readline() == "scoring\n"
        waiting = "longtailor_products_in_progress 8.0"
        while waiting not in httpx.get(f"{started.address}/metrics").text:
            time.sleep(0.01)
        started.process.send_signal(number)
        with pytest.raises(httpx.ConnectError):  # noqa: PT012
            while True:
                # One that was connected, and had not asked when the service was told, is closed.
                with contextlib.suppress(httpx.RemoteProtocolError, httpx.ReadError):
                    httpx.get(f"{started.address}/health")
        assert [one.result() for one in asked] == [200] * 4
    assert started.process.wait(60) == 0
    assert started.out.read().endswith("scoring\nstopped\n")
    assert started.told() == ""


def test_its_patience_has_a_limit(
    start: Callable[..., Process], photo: Callable[..., bytes]
) -> None:
    started = start(seconds=2, drain=1)
    with ThreadPoolExecutor(1) as clients:
        files = [("images", (f"{at}.png", photo(at))) for at in range(20)]
        asked = clients.submit(httpx.post, f"{started.address}/predict", files=files, timeout=60)
        assert started.out.readline() == "scoring\n"
        started.process.terminate()
        answer = asked.result()
    assert answer.status_code == 503
    assert answer.json() == {"detail": "the service stopped before it was done"}
    assert started.process.wait(60) == 0
    assert "Traceback" not in started.told()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Takes requests of 100 kB."""
    with begun(tmp_path_factory.mktemp("small"), max_megabytes=0.1) as started:
        yield started


HEAD = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n"
)


def test_a_client_that_goes_away_leaves_no_trace(small: Process) -> None:
    for length in (b"Content-Length: 1000", b"Transfer-Encoding: chunked"):
        with small.connect() as client:
            client.sendall(HEAD + length + b"\r\n\r\n5\r\n--b\r\n")
            time.sleep(0.1)
    metrics = ""
    while 'path="/predict",status="400"} 2.0' not in metrics:
        metrics = httpx.get(f"{small.address}/metrics").text
    assert "longtailor_products_in_progress 0.0" in metrics
    assert small.told() == ""


def test_heads_that_never_end_are_cut_off(start: Callable[..., Process]) -> None:
    started = start()
    with started.connect() as silent, started.connect() as slow:
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012
            for letter in b"GET /health HTTP/1.1\r\nX: " + b"x" * 200:
                slow.sendall(bytes([letter]))
                time.sleep(0.05)
        assert silent.recv(1) == b""
    assert httpx.get(f"{started.address}/health").status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    ],
    ids=["tls", "two hosts", "no host", "negative length", "two lengths", "long length"],
)
def test_what_is_no_http_is_refused(small: Process, sent: bytes) -> None:
    with small.connect() as client:
        client.sendall(sent)
        assert client.recv(100).startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{small.address}/health").status_code == 200
    assert "Traceback" not in small.told()


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_is_too_large_is_told_so(small: Process, chunked: bool) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
    parts = [part] + [b"x" * 1_000_000] * 40
    answer = httpx.post(
        f"{small.address}/predict",
        content=iter(parts) if chunked else b"".join(parts),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 413
    assert answer.json() == {"detail": "a request has 100,000 bytes at most"}


def test_who_sends_without_end_is_cut_off(small: Process) -> None:
    with small.connect() as client:
        client.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|Broken pipe"):  # noqa: PT012
            while True:
                client.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                time.sleep(0.01)


def test_an_address_in_use_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LongtailorError, match=f"cannot listen at 127.0.0.1 port {port}: Addr"):
            run_server(None, ServeSettings(port=port), print)  # type: ignore[arg-type]
