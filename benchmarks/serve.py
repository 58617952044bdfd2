"""The service under load: answers a second, waiting times, memory, overload, and stopping.

    python benchmarks/serve.py RUN PHOTOS [--seconds 20] [--clients 1 4 16 64] [--batch-size 16]

RUN is a folder that fit wrote, PHOTOS a folder of JPEGs. The service is a process of its own on
the same cores; the clients are sockets that send requests written beforehand, so that they take
little of them. Each client sends a photo, waits for the answer, and sends the next. Then photos
arrive at twice the rate that was reached, whether or not others are answered; and at last the
service is told to stop while clients ask.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from longtailor.catalog import IMAGE
from longtailor.catalog.images import open_image
from longtailor.cores import available_cores
from longtailor.detector import Detector
from longtailor.encoders import Encoder, embed_images

LOST = "lost"
"""What is counted in the place of a status where a connection ended without an answer."""


@dataclass
class Load:
    """What the clients of one round saw.

    Attributes
    ----------
    statuses : Counter
        Answers by status.
    waits : list of float
        Seconds of each answer that was 200.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)

    def add(self, status: str, seconds: float) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        if status == "200":
            self.waits.append(seconds)

    def wait(self, percent: float) -> str:
        """Give a percentile of the waiting times in milliseconds."""
        return f"{1000 * float(np.percentile(self.waits, percent)):,.0f}" if self.waits else "–"

    def others(self) -> str:
        """Write the answers that were not 200."""
        rest = [f"{status}: {n}" for status, n in sorted(self.statuses.items()) if status != "200"]
        return ", ".join(rest) or "none"


class Client:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.sent: float | None = None
        """When the request that has no answer yet was sent."""

    async def ask(self, request: bytes) -> str:
        """Send a request and give the status of its answer."""
        if self._streams is not None and self._streams[0].at_eof():
            # The service ends connections that were idle for a while, and clients see that.
            self.close()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(request)
            await writer.drain()
            self.sent = time.perf_counter()
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head)[0]))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise
        self.sent = None
        if b"connection: close" in head:
            self.close()
        return head[9:12].decode()

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def steady(port: int, requests: list[bytes], clients: int, seconds: float) -> Load:
    """Have each client ask again as soon as it has an answer."""
    load, until = Load(), time.perf_counter() + seconds

    async def run(seed: int) -> None:
        client, chosen = Client(port), random.Random(seed)
        while time.perf_counter() < until:
            began = time.perf_counter()
            try:
                status = await client.ask(chosen.choice(requests))
            except (OSError, asyncio.IncompleteReadError):
                status = LOST
            load.add(status, time.perf_counter() - began)
        client.close()

    await asyncio.gather(*(run(seed) for seed in range(clients)))
    return load


async def flood(port: int, requests: list[bytes], rate: float, seconds: float) -> Load:
    """Have photos arrive at a rate, as a Poisson process, whatever becomes of the others."""
    load, chosen, idle = Load(), random.Random(0), list[Client]()

    async def one() -> None:
        client = idle.pop() if idle else Client(port)
        began = time.perf_counter()
        try:
            load.add(await client.ask(chosen.choice(requests)), time.perf_counter() - began)
        except (OSError, asyncio.IncompleteReadError):
            load.add(LOST, 0)
        idle.append(client)

    tasks, due, until = (
        set[asyncio.Task[None]](),
        time.perf_counter(),
        time.perf_counter() + seconds,
    )
    while due < until:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.add(asyncio.create_task(one()))
        due += chosen.expovariate(rate)
    await asyncio.gather(*tasks)
    for client in idle:
        client.close()
    return load


@dataclass
class Stopped:
    """What became of the requests that were under way when the service was told to stop."""

    under_way: int = 0
    answered: int = 0
    later: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    exit_status: int | None = None


async def stop(server: Server, requests: list[bytes], clients: int) -> Stopped:
    """Tell the service to stop while clients ask."""
    stopped, told = Stopped(), asyncio.Event()
    several = [Client(server.port) for _ in range(clients)]
    counted: dict[int, bool] = {}

    async def run(at: int) -> None:
        while True:
            try:
                status = await several[at].ask(random.Random(at).choice(requests))
            except (OSError, asyncio.IncompleteReadError):
                if not told.is_set():
                    raise
                stopped.later[
                    "under way, not answered" if counted.pop(at, False) else "refused"
                ] += 1
                return
            if counted.pop(at, False):
                stopped.answered += status == "200"
            elif told.is_set():
                stopped.later[f"new, {status}"] += 1

    tasks = [asyncio.create_task(run(at)) for at in range(clients)]
    await asyncio.sleep(3)
    for at, client in enumerate(several):
        # What was sent just now may not have been read by the service yet.
        counted[at] = client.sent is not None and client.sent < time.perf_counter() - 0.05
    stopped.under_way = sum(counted.values())
    told.set()
    began = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*tasks)
    stopped.exit_status = await asyncio.to_thread(server.process.wait, 60)
    stopped.seconds = time.perf_counter() - began
    return stopped


class Server:
    """`longtailor serve` as a process."""

    def __init__(self, run: Path, *options: str) -> None:
        command = ["serve", str(run), "--port", "0", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from longtailor.cli.main import main; main()", *command],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        if not line.startswith("serving"):
            raise SystemExit(line)
        self.port = urlsplit(line.split()[-1]).port or 0

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def write_request(photo: bytes) -> bytes:
    body = (
        b'--photo\r\nContent-Disposition: form-data; name="images"; filename="photo.jpg"\r\n\r\n'
        + photo
        + b"\r\n--photo--\r\n"
    )
    head = (
        "POST /predict?only_predicted=true HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: multipart/form-data; boundary=photo\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def bare(run: Path, paths: list[Path], rounds: int) -> tuple[float, float]:
    """Give photos a second of the encoder alone, and of files to embeddings, without a service."""
    encoder = Detector.load(run).loaded_encoders[IMAGE]
    assert isinstance(encoder, Encoder)
    size = encoder.image_size
    pixels = np.stack([encoder.preprocess(open_image(path, draft=size)) for path in paths])
    encoder.encode(pixels[:16])
    forward = files = 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        encoder.encode(pixels)
        forward = max(forward, len(paths) / (time.perf_counter() - began))
        began = time.perf_counter()
        embed_images(paths, encoder, cache=None, progress=False)
        files = max(files, len(paths) / (time.perf_counter() - began))
    return forward, files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--count", type=int, default=256, help="photos that are sent in turn")
    given = parser.parse_args()

    paths = sorted(given.photos.rglob("*.jpg"))[: given.count]
    requests = [write_request(path.read_bytes()) for path in paths]
    before = bare(given.run, paths, 3)
    server = Server(given.run, "--batch-size", str(given.batch_size))
    asyncio.run(steady(server.port, requests, 4, 3))
    memory = [server.memory]
    rounds: list[tuple[str, Load]] = []
    best = 0.0
    for clients in given.clients:
        load = asyncio.run(steady(server.port, requests, clients, given.seconds))
        best = max(best, load.statuses["200"] / given.seconds)
        rounds.append((str(clients), load))
        memory.append(server.memory)
    load = asyncio.run(flood(server.port, requests, 2 * best, given.seconds))
    rounds.append((f"{2 * best:.0f} photos/s", load))
    memory.append(server.memory)
    stopped = asyncio.run(stop(server, requests, 32))
    after = bare(given.run, paths, 3)

    forward, files = (max(both) for both in zip(before, after, strict=True))
    size = sum(map(len, requests)) / len(requests) / 1000
    print(f"{available_cores()} cores, {len(paths)} photos of {size:.0f} kB")
    print(f"the encoder alone: {forward:.1f} photos/s; files to embeddings: {files:.1f} photos/s\n")
    print("| clients | answers/s | of the encoder alone | p50 ms | p99 ms | not 200 | MiB |")
    print("|---|---|---|---|---|---|---|")
    for (name, load), held in zip(rounds, memory[1:], strict=True):
        rate = load.statuses["200"] / given.seconds
        print(
            f"| {name} | {rate:.1f} | {rate / forward:.2f} | {load.wait(50)} | {load.wait(99)} "
            f"| {load.others()} | {held:.0f} |"
        )
    answered = sum(load.statuses["200"] for _, load in rounds)
    lost = sum(load.statuses[LOST] for _, load in rounds)
    print(f"\n{answered:,} answered, {lost} lost; memory {memory[0]:.0f} to {memory[-1]:.0f} MiB")
    print(
        f"told to stop: {stopped.answered} of {stopped.under_way} requests under way answered, "
        f"later {dict(stopped.later)}; exit status {stopped.exit_status} after "
        f"{stopped.seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
