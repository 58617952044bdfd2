"""Kill commands at random moments, resume them, and compare the end with an undisturbed one.

    python benchmarks/kills.py [--kills 100] [--kinds fit,finetune,compare,predict] [--seed 0]

On a small drawn catalogue with a few broken photos. A command is killed (SIGKILL) after a random
part of the time that it takes undisturbed, and begun again with --resume, until it ends. All its
files are then compared bit by bit; what tells times is left out. Each process is a fork of one
that has loaded the libraries, so that kills fall into the work; it has a cache of its own, so
that they fall into embedding too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIMIT = 600.0
"""Seconds after which a command is taken to hang."""


KINDS: dict[str, Callable[[Path, Path], list[str]]] = {
    "fit": lambda shop, out: ["fit", f"{shop}/products.csv", "--out", f"{out}/run"],
    "finetune": lambda shop, out: [
        *("fit", f"{shop}/products.csv", "--out", f"{out}/run"),
        *("--finetune", "--epochs", "2", "--image-size", "32", "--objective", "none"),
    ],
    "compare": lambda shop, out: [
        *("compare", f"{shop}/products.csv", "--out", f"{out}/study"),
        *("--objectives", "none,inverse_frequency,effective_number", "--seeds", "2"),
    ],
    "predict": lambda shop, out: [
        *("predict", f"{shop}/../run", f"{shop}/products.csv", "--out", f"{out}/out.csv"),
    ],
}


_TIME = re.compile(r"seconds|durations|per_second|waiting_share")


def load_libraries() -> None:
    """Import what the commands import, without computing: a fork has no threads."""
    import lightning  # noqa: F401

    import longtailor.detector
    import longtailor.reporting.report
    import longtailor.runs.compare
    import longtailor.runs.fit
    import longtailor.runs.predict
    import longtailor.training.deep.train  # noqa: F401
    from longtailor.scoring import output

    output.SHARD = 8


def run(arguments: list[str], cache: Path, log: Path, *, kill_after: float = LIMIT) -> int:
    """Run a command in a process of its own; give its status, or minus the signal."""
    process = os.fork()
    if not process:
        status = 1
        try:
            told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(told, 1)
            os.dup2(told, 2)
            os.environ["LONGTAILOR_CACHE"] = str(cache)
            sys.argv = ["longtailor", *arguments]
            from longtailor.cli.main import main

            main()
            status = 0
        except SystemExit as left:
            status = int(left.code or 0)
        finally:
            os._exit(status)
    end = time.monotonic() + kill_after
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def contents(folder: Path) -> dict[str, Any]:
    """Give what is in the files of a folder, without times."""
    return {
        path.relative_to(folder).as_posix(): _content(path)
        for path in sorted(folder.rglob("*"))
        # TensorBoard names its files by the time.
        if path.is_file() and "tfevents" not in path.name
    }


def _content(path: Path) -> Any:
    content = path.read_bytes()
    if path.suffix == ".json":
        return _timeless(json.loads(content))
    if path.parent.name == "fits":
        # A header in JSON, and the arrays.
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        return _timeless(json.loads(header["__metadata__"]["fit"])), content[8 + size :]
    if path.suffix == ".html":
        # Durations in words, and the table of fits, whose last column tells seconds.
        content = re.sub(rb"[0-9.]+ (s|min|seconds|minutes)\b", b"", content)
        return re.sub(rb'<th class="number">seconds</th>.*?</table>', b"", content, flags=re.S)
    return content


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if not _TIME.search(name)}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what is too much, what lacks, and what differs."""
    return [
        *(f"{name}: left over" for name in sorted(found.keys() - wanted.keys())),
        *(f"{name}: lacks" for name in sorted(wanted.keys() - found.keys())),
        *(
            f"{name}: differs"
            for name in sorted(found.keys() & wanted.keys())
            if found[name] != wanted[name]
        ),
    ]


def measure(
    kind: str, kills: int, shop: Path, folder: Path, draw: random.Random
) -> dict[str, int | float]:
    """Kill a command until it was killed so many times, and compare each end."""
    # One path for all, since a run tells where its encoder's weights are.
    out = folder / kind
    out.mkdir()
    log = folder / f"{kind}.log"
    started = time.monotonic()
    if run(KINDS[kind](shop, out), folder / "cache-undisturbed", log):
        raise SystemExit(f"{kind} fails undisturbed:\n{log.read_text()}")
    duration = time.monotonic() - started
    wanted = contents(out)
    done = runs = bad = most = 0
    while done < kills:
        runs += 1
        cache = folder / "cache"
        for left in (out, cache):
            shutil.rmtree(left, ignore_errors=True)
        out.mkdir()
        command, times = KINDS[kind](shop, out), 0
        while True:
            # None of the last is killed, so that it ends.
            limit = draw.uniform(0, duration) if done < kills else LIMIT
            status = run([*command, "--resume"] if times else command, cache, log, kill_after=limit)
            if status != -signal.SIGKILL:
                break
            times += 1
            done += 1
        most = max(most, times)
        wrong = [f"exit status {status}"] if status else differences(contents(out), wanted)
        if wrong:
            bad += 1
            print(f"{kind}, after {times} kills: {'; '.join(wrong[:9])}", flush=True)
    return {"undisturbed": duration, "kills": done, "ends": runs, "most": most, "bad": bad}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="in all")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--products", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ["LONGTAILOR_BACKEND"] = "torch"
    os.environ["LONGTAILOR_CORES"] = "1"
    kinds = arguments.kinds.split(",")
    load_libraries()
    from longtailor.samples import draw_catalog

    bad = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shop = folder / "shop"
        draw_catalog(shop, products=arguments.products, seed=1, size=64)
        for number in (7, 50):
            (shop / "images" / f"lt-{number:05d}.jpg").write_bytes(b"no image")
        log = folder / "run.log"
        if run(["fit", f"{shop}/products.csv", "--out", f"{folder}/run"], folder / "c", log):
            raise SystemExit(log.read_text())
        print("command     undisturbed  kills   ends  most  bad")
        for at, kind in enumerate(kinds):
            share = arguments.kills * (at + 1) // len(kinds) - arguments.kills * at // len(kinds)
            found = measure(kind, share, shop, folder, random.Random(f"{arguments.seed} {kind}"))
            bad += int(found["bad"])
            print(
                f"{kind:10s} {found['undisturbed']:10.1f} s {found['kills']:6d} {found['ends']:6d} "
                f"{found['most']:5d} {found['bad']:4d}",
                flush=True,
            )
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
