"""Kill the review server at random moments while two people decide; nothing may be lost or doubled.

    python benchmarks/review_kills.py [--kills 20] [--seed 0]

Each person sends decisions one after another, every one on another product and label, and notes
whether it was confirmed. The server is killed (SIGKILL) and started again on the same file. In the
end each decision that was confirmed must be in the file exactly once, each that was not at most
once, and nothing else; and `fit --annotations` must read the file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from typing import Any

PEOPLE = 2
DECISIONS = ("yes", "no", "skip")


def command(arguments: list[str]) -> list[str]:
    """Give the command line of `longtailor` with arguments."""
    return [sys.executable, "-c", "from longtailor.cli.main import main; main()", *arguments]


def start(arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Serve in a process of its own."""
    with log.open("ab") as told:
        return subprocess.Popen(command(arguments), stdout=told, stderr=told)


def ask(url: str, body: object = None) -> Any:
    """Ask the page's interface."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def decide(
    address: str, cells: list[tuple[str, int]], seed: str, enough: threading.Event, notes: list[Any]
) -> None:
    """Decide on one cell after another, and note what came of it.

    What the server did not answer is not asked again.
    """
    draw = random.Random(seed)
    for label, product in cells:
        if enough.is_set():
            return
        asked = {"label": label, "product": product, "decision": draw.choice(DECISIONS)}
        try:
            ask(f"{address}/api/decisions", asked)
            confirmed = True
        except (OSError, ValueError, HTTPException):
            confirmed = False
            time.sleep(0.05)
        notes.append((confirmed, *asked.values()))
        time.sleep(draw.uniform(0, 0.02))


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> Any:
    """Wait until the server answers, and give what it says of labels."""
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            return ask(f"{address}/api/labels")
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"the server does not start:\n{log.read_text()[-2000:]}")


def main() -> None:
    """Kill it, then count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--products", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["LONGTAILOR_BACKEND"] = "torch"
    os.environ["LONGTAILOR_CORES"] = "1"
    from longtailor.samples import draw_catalog

    draw = random.Random(f"{given.seed} kills")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["LONGTAILOR_CACHE"] = str(folder / "cache")
        shop, file, log = folder / "shop", folder / "decided.jsonl", folder / "log"
        draw_catalog(shop, products=given.products, seed=1, size=64)
        fit = ["fit", f"{shop}/products.csv", "--objective", "none", "--out"]
        subprocess.run(command([*fit, f"{folder}/run"]), check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        address = f"http://127.0.0.1:{port}/review"
        serve = ["serve", f"{folder}/run", "--review", f"{shop}/products.csv"]
        serve += ["--annotations", str(file), "--port", str(port)]
        server = start(serve, log)
        labels = [one["label"] for one in wait_for(address, server, log)["labels"]]
        cells = [(label, product) for label in labels for product in range(given.products)]
        draw.shuffle(cells)
        enough, asked = threading.Event(), list[Any]()
        people = [
            threading.Thread(
                target=decide,
                args=(address, cells[at::PEOPLE], f"{given.seed} {at}", enough, asked),
                daemon=True,
            )
            for at in range(PEOPLE)
        ]
        for person in people:
            person.start()
        for _ in range(given.kills):
            time.sleep(draw.uniform(0.2, 2.0))
            server.kill()
            server.wait()
            server = start(serve, log)
            wait_for(address, server, log)
        enough.set()
        for person in people:
            person.join()
        torn = [note for note in ask(f"{address}/api/labels")["notes"] if "unfinished" in note]
        server.terminate()
        stopped = server.wait(60)
        bad = count(asked, file, shop)
        again = subprocess.run(
            command([*fit, f"{folder}/again", "--annotations", str(file)]),
            capture_output=True,
            text=True,
        )
        if again.returncode:
            bad.append(f"fit --annotations fails: {again.stderr[-2000:]}")
        confirmed = sum(one[0] for one in asked)
        print(
            f"{given.kills} kills, {PEOPLE} people: {confirmed:,} decisions confirmed, "
            f"{len(asked) - confirmed:,} without an answer; {len(torn)} notes of unfinished lines; "
            f"stopped with {stopped}"
        )
        print("; ".join(bad) or "every confirmed decision once, no other twice, nothing else")
    raise SystemExit(bool(bad))


def count(asked: list[Any], file: Path, shop: Path) -> list[str]:
    """Say what is lost, doubled or foreign in the file."""
    import polars as pl

    ids = pl.read_csv(shop / "products.csv", infer_schema=False)["id"].to_list()
    kept: Counter[tuple[str, int, str]] = Counter()
    for line in file.read_text().splitlines():
        row = json.loads(line)
        kept[row["review:label"], ids.index(row["id"]), row["review:decision"]] += 1
    confirmed, unanswered = (
        {tuple(one) for answered, *one in asked if answered is kind} for kind in (True, False)
    )
    found = {
        "lost": confirmed - kept.keys(),
        "doubled": {one for one, times in kept.items() if times > 1},
        "foreign": kept.keys() - confirmed - unanswered,
    }
    return [f"{len(which)} {kind}" for kind, which in found.items() if which]


if __name__ == "__main__":
    main()
