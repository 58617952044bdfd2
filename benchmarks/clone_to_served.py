"""From `git clone` to a served prediction, timed stage by stage, with nothing of ours installed.

    python3 benchmarks/clone_to_served.py REPOSITORY [PYTHON]

Needs git and a plain Python 3.11 or newer, and takes no package but from pip. The home folder is a
fresh one, so that no embedding is cached and pip has nothing kept: what pip fetches comes through
the network or the index that it is set to.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path


def main(repository: str, python: str = sys.executable) -> None:
    """Do it, and print the seconds of each stage."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clone-") as folder:
        here = Path(folder)
        clean = {
            name: os.environ[name] for name in ("LANG", "PIP_CONFIG_FILE") if name in os.environ
        }
        clean |= {"HOME": folder, "PATH": f"{here / 'venv/bin'}:/usr/local/bin:/usr/bin:/bin"}
        clean |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        stages = {
            "git clone": ["git", "clone", "-q", repository, "clone"],
            "virtual environment": [python, "-m", "venv", "venv"],
            "pip install": ["pip", "install", "-q", "./clone[openvino,serve]"],
            "longtailor demo (catalogue, three fits)": ["longtailor", "demo", "--out", "shop"],
            "longtailor fit": ["longtailor", "fit", "shop/catalog/products.csv", "--out", "run"],
        }
        for name, command in stages.items():
            start = time.monotonic()
            done = subprocess.run(command, cwd=here, env=clean, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{name}:\n{done.stderr[-2000:]}")
            print(f"{name:42} {time.monotonic() - start:6.1f} s", flush=True)
        start = time.monotonic()
        server = subprocess.Popen(
            ["longtailor", "serve", "run", "--port", "0"],
            cwd=here,
            env=clean,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stderr is not None
            line = server.stderr.readline()
            found = re.search(r"http://[\d.:]+", line)
            if found is None:
                raise SystemExit(line)
            print(f"{'longtailor serve, until it answers':42} {time.monotonic() - start:6.1f} s")
            photo = next((here / "shop/catalog/images").glob("*.jpg")).read_bytes()
            start = time.monotonic()
            answer = ask(f"{found[0]}/predict?top=3", photo)
            print(f"{'a prediction':42} {time.monotonic() - start:6.2f} s")
            print(f"{'all together':42} {time.monotonic() - began:6.1f} s")
            print(json.dumps(answer)[:300])
        finally:
            server.terminate()
            server.wait(60)


def ask(url: str, photo: bytes) -> object:
    """Send a photo as a form does, and give what is answered."""
    mark = "longtailor-boundary"
    head = f'--{mark}\r\nContent-Disposition: form-data; name="images"; filename="a.jpg"\r\n'
    body = head.encode() + b"Content-Type: image/jpeg\r\n\r\n" + photo + f"\r\n--{mark}--".encode()
    request = urllib.request.Request(
        url, body, {"Content-Type": f"multipart/form-data; boundary={mark}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
