from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from longtailor.catalog.annotation_file import AnnotationFile
from longtailor.labels import LabelSpace
from longtailor.serving.review.decisions import Decisions

LABEL = "sleeve:cap"


def products(client: Any, label: str = LABEL, **more: Any) -> dict[str, Any]:
    answer = client.get("/review/api/products", params={"label": label, "threshold": 0.5, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def decide(client: Any, product: int, decision: str, label: str = LABEL, **more: Any) -> Any:
    body = {"label": label, "product": product, "decision": decision, **more}
    return client.post("/review/api/decisions", json=body)


def test_the_page_and_its_files_come_from_here_and_run_nothing_else(client: Any) -> None:
    page = client.get("/review")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name in ("review.js", "review.css"):
        assert f"/review/static/{name}" in page.text
        assert client.get(f"/review/static/{name}").status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    script = client.get("/review/static/review.js").text
    assert "innerHTML" not in script
    for name in ("index.html", "..%2fopen.py", "../open.py", "x"):
        assert client.get(f"/review/static/{name}").status_code == 404


def test_labels_say_what_is_known_and_decided(client: Any, desk: Any) -> None:
    told = client.get("/review/api/labels").json()
    assert told["products"] == 120
    table = pl.read_csv(desk.catalog)
    cap = next(one for one in told["labels"] if one["label"] == LABEL)
    known = table.filter(pl.col("sleeve").fill_null("") != "")
    assert cap["positive"] == (known["sleeve"] == "cap").sum()
    assert cap["unknown"] == 120 - len(known)
    assert (cap["yes"], cap["no"], cap["skip"]) == (0, 0, 0)
    decide(client, 1, "yes")
    decide(client, 2, "skip")
    told = client.get("/review/api/labels").json()
    cap = next(one for one in told["labels"] if one["label"] == LABEL)
    assert (cap["yes"], cap["no"], cap["skip"]) == (1, 0, 1)


def test_the_curve_is_of_known_held_out_products(client: Any, desk: Any) -> None:
    review = desk.review()
    label = "sleeve:short"
    curve = client.get("/review/api/curve", params={"label": label}).json()
    at = review.space.labels.index(label)
    held = np.isin(review.split, ("val", "test"))
    cells, scores = review.matrix[held, at], review.scores[held, at]
    assert curve["held_out"] == "val and test"
    assert curve["positives"] == (cells == 1).sum()
    assert curve["negatives"] == (cells == 0).sum()
    assert [one["threshold"] for one in curve["points"]] == sorted(
        one["threshold"] for one in curve["points"]
    )
    assert curve["threshold"] in [one["threshold"] for one in curve["points"]]
    for one in curve["points"]:
        above = scores >= np.float32(one["threshold"])
        right = int((above & (cells == 1)).sum())
        assert one["products"] == (review.scores[:, at] >= np.float32(one["threshold"])).sum()
        assert one["recall"] == pytest.approx(right / (cells == 1).sum())
        predicted = int((above & (cells >= 0)).sum())
        assert one["precision"] == (pytest.approx(right / predicted) if predicted else None)


def test_orders_and_lists_are_what_they_say(client: Any, desk: Any) -> None:
    review = desk.review()
    at = review.space.labels.index(LABEL)
    scores = {one: float(score) for one, score in enumerate(review.scores[:, at])}

    def shown(**more: Any) -> list[int]:
        return [one["product"] for one in products(client, size=120, **more)["products"]]

    highest = shown(shown="all", order="highest")
    assert sorted(highest) == list(range(120))
    assert [scores[one] for one in highest] == sorted(scores.values(), reverse=True)
    assert [scores[one] for one in shown(shown="all", order="lowest")] == sorted(scores.values())
    doubtful = shown(shown="all", order="doubtful", threshold=0.3)
    away = [abs(np.log(scores[o] / (1 - scores[o])) - np.log(0.3 / 0.7)) for o in doubtful]
    assert away == pytest.approx(sorted(away), abs=1e-4)
    unknown = np.flatnonzero(review.matrix[:, at] == -1)
    assert set(shown(shown="unknown", order="useful")) == set(unknown.tolist())
    assert set(shown(shown="yes")) == set(np.flatnonzero(review.matrix[:, at] == 1).tolist())
    against = shown(shown="contradicting", threshold=0.2)
    cells = review.matrix[:, at]
    assert set(against) == {
        one for one in range(120) if cells[one] == (0 if scores[one] >= np.float32(0.2) else 1)
    }


def test_what_is_decided_leaves_the_list_and_no_page_passes_over_any(client: Any) -> None:
    first = products(client, size=10)
    for one in first["products"][:4]:
        assert decide(client, one["product"], "no").status_code == 200
    second = products(client, size=10, start=first["next"])
    seen = [one["product"] for one in first["products"] + second["products"]]
    assert len(set(seen)) == 20
    again = [one["product"] for one in products(client, size=16)["products"]]
    assert again == seen[4:]
    assert second["before"] == 6
    assert len(products(client, size=120, shown="decided")["products"]) == 4


def test_a_decision_is_in_the_file_before_it_is_answered(client: Any, desk: Any) -> None:
    answer = decide(client, 3, "yes")
    assert answer.json() == {"decision": "yes", "counts": {"yes": 1, "no": 0, "skip": 0}}
    (row,) = desk.rows()
    assert row["id"] == desk.ids[3]
    assert row["image"].startswith("images/")
    assert row["sleeve"] == "cap|?"
    undone = decide(client, 3, "undo", expected="yes", before=None)
    assert undone.json()["decision"] is None
    assert decide(client, 3, "undo", expected="yes").status_code == 409
    assert len(desk.rows()) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"label": "sleeve:none", "product": 0, "decision": "yes"}, 404),
        ({"label": LABEL, "product": 120, "decision": "yes"}, 404),
        ({"label": LABEL, "product": -1, "decision": "yes"}, 422),
        ({"label": LABEL, "product": 0, "decision": "maybe"}, 422),
        ({"label": LABEL, "product": 0, "decision": "undo"}, 422),
        ({"label": LABEL, "product": 0, "decision": "yes", "more": 1}, 422),
        ({}, 422),
    ],
)
def test_what_is_no_decision_is_refused(
    client: Any, desk: Any, body: dict[str, Any], status: int
) -> None:
    assert client.post("/review/api/decisions", json=body).status_code == status
    assert desk.annotations.read_bytes() == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, (415, 422)),
        ({"content-type": "application/x-www-form-urlencoded"}, (415, 422)),
        ({"content-type": "application/json", "origin": "https://elsewhere.example"}, (403,)),
        ({"content-type": "application/json", "origin": "null"}, (403,)),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, (403,)),
        ({"content-type": "application/json", "host": "elsewhere.example"}, (400,)),
    ],
)
def test_a_page_from_elsewhere_cannot_decide(
    client: Any, desk: Any, headers: dict[str, str], status: tuple[int, ...]
) -> None:
    body = json.dumps({"label": LABEL, "product": 0, "decision": "yes"})
    answer = client.post("/review/api/decisions", content=body, headers=headers)
    assert answer.status_code in status
    assert desk.annotations.read_bytes() == b""


def test_the_page_is_behind_the_token(desk: Any) -> None:
    with desk.client(token="secret") as client:
        for address in ("/review", "/review/api/labels", "/review/thumbnails/0/240"):
            refused = client.get(address)
            assert refused.status_code == 401
            assert "Basic" in refused.headers["www-authenticate"]
            assert client.get(address, auth=("any", "secret")).status_code == 200
        assert decide(client, 0, "yes").status_code == 401


def test_photos_are_small_and_only_those_of_the_catalogue(client: Any, desk: Any) -> None:
    answer = client.get("/review/thumbnails/5/240")
    assert answer.headers["content-type"] == "image/jpeg"
    assert "max-age" in answer.headers["cache-control"]
    with Image.open(io.BytesIO(answer.content)) as image:
        assert max(image.size) <= 240
    for address in (
        "120/240",
        "-1/240",
        "0/10000",
        "..%2f..%2fpart.csv/240",
        "0/../../../etc/passwd",
        "images%2f000.png/240",
    ):
        assert client.get(f"/review/thumbnails/{address}").status_code in (404, 422)


def test_a_photo_that_breaks_later_is_told(desk: Any) -> None:
    with desk.client() as client:
        for file in (desk.catalog.parent / "images").iterdir():
            file.write_bytes(b"gone")
        answer = client.get("/review/thumbnails/0/240")
        assert answer.status_code == 404
        assert answer.json() == {"detail": "the photo cannot be read"}


def test_a_crash_before_is_told_and_stops_nothing(desk: Any) -> None:
    desk.annotations.write_text('{"id": "p0", "sle')
    with desk.client() as client:
        (note,) = client.get("/review/api/labels").json()["notes"]
        assert note.startswith("1 unfinished lines")
        assert decide(client, 0, "no").status_code == 200
    assert len(desk.rows()) == 1


def test_a_file_that_cannot_be_written_confirms_nothing(desk: Any) -> None:
    with desk.client() as client:
        desk.annotations.unlink()
        desk.annotations.mkdir()
        answer = decide(client, 0, "yes")
        assert answer.status_code == 507
        assert "was not kept" in answer.json()["detail"]


def test_two_tabs_and_two_servers_at_once_lose_nothing(desk: Any) -> None:
    with desk.client() as one, desk.client() as other, ThreadPoolExecutor(8) as pool:
        jobs = [(one, at) for at in range(0, 60)] + [(other, at) for at in range(60, 120)]
        answers = list(pool.map(lambda job: decide(job[0], job[1], "no").status_code, jobs))
        assert answers == [200] * 120
        assert products(one, shown="decided")["total"] == 120
        assert products(other, shown="decided")["total"] == 120
    assert sorted(row["id"] for row in desk.rows()) == sorted(desk.ids)


SERVER = """
import sys
from pathlib import Path
import numpy as np, uvicorn
from fastapi import FastAPI
from longtailor.catalog.annotation_file import AnnotationFile
from longtailor.labels import LabelSpace
from longtailor.serving.review.decisions import Decisions
from longtailor.serving.review.routes import build_router
from longtailor.serving.review.state import Review
n = 5000
space = LabelSpace(["a:x", "a:y"])
file = AnnotationFile(Path(sys.argv[1]))
ids = [f"p{i}" for i in range(n)]
review = Review(
    "x", ids, [None] * n, ids, np.full(n, ""), np.full((n, 2), -1, np.int8), space,
    np.random.default_rng(0).random((n, 2), np.float32), np.full(2, 0.5),
    np.ones((n, 2), np.float16), np.ones(2, np.int64), np.ones(n, bool), "all",
    Decisions(file, space, [{"id": one} for one in ids]),
)
app = FastAPI()
app.include_router(build_router(review))
config = uvicorn.Config(app, port=0, log_level="error")
server = uvicorn.Server(config)
socket = config.bind_socket()
print(socket.getsockname()[1], flush=True)
server.run(sockets=[socket])
"""


def start_server(path: Path) -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = int(server.stdout.readline())
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return server, f"http://127.0.0.1:{port}"
        time.sleep(0.05)


def post(address: str, product: int) -> bool:
    request = urllib.request.Request(
        f"{address}/review/api/decisions",
        json.dumps({"label": "a:x", "product": product, "decision": "yes"}).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_of_two_servers(tmp_path: Path) -> None:
    path = tmp_path / "decided.jsonl"
    servers = [start_server(path) for _ in range(2)]
    try:
        with ThreadPoolExecutor(6) as pool:
            sent = [(at, pool.submit(post, servers[at % 2][1], at)) for at in range(400)]
            while not path.exists() or path.read_bytes().count(b"\n") < 40:
                time.sleep(0.02)
            for server, _ in servers:
                os.kill(server.pid, signal.SIGKILL)
            acknowledged = {f"p{at}" for at, one in sent if one.result()}
    finally:
        for server, _ in servers:
            server.kill()
            server.wait()
    ids = [json.loads(line)["id"] for line in path.read_text().splitlines() if line.endswith("}")]
    assert 0 < len(acknowledged) < 400
    assert acknowledged <= set(ids)
    assert len(ids) == len(set(ids))
    space = LabelSpace(["a:x", "a:y"])
    reopened = Decisions(AnnotationFile(path), space, [{"id": f"p{at}"} for at in range(5000)])
    assert len(reopened.of(0)) == len(ids)
    assert not reopened.file.broken
