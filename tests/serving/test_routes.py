from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from longtailor import Detector

Serve = Callable[..., TestClient]
Photo = Callable[..., bytes]


def upload(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", (f"{at}.png", content)) for at, content in enumerate(contents)]


def texts(*given: str) -> list[tuple[str, tuple[None, str]]]:
    return [("texts", (None, text)) for text in given]


def products(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.text
    found = answer.json()["products"]
    assert isinstance(found, list)
    return found


def agree(answered: list[Any], detector: Detector, predicted: Any) -> None:
    """Check that an answer says what the detector itself does."""
    for at, product in enumerate(answered):
        rows = predicted.filter(id=str(at))
        wanted = {row["label"]: row for row in rows.iter_rows(named=True)}
        scores = [label["score"] for label in product["labels"]]
        assert scores == sorted(scores, reverse=True)
        assert len(product["labels"]) == len(detector.space)
        for label in product["labels"]:
            assert label["score"] == pytest.approx(wanted[label["label"]]["score"], 1e-6)
            assert label["predicted"] == wanted[label["label"]]["predicted"]
            column = detector.space.labels.index(label["label"])
            assert label["threshold"] == detector.thresholds[column]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_images_score_as_the_detector_scores_them(
    client: TestClient, detector: Detector, photo: Photo, kind: str
) -> None:
    contents = [photo(seed, size=(600, 400), kind=kind) for seed in range(3)]
    answered = products(client.post("/predict", files=upload(*contents)))
    assert [product["image"] for product in answered] == ["0.png", "1.png", "2.png"]
    pictures = [Image.open(io.BytesIO(content)) for content in contents]
    if kind != "JPEG":
        agree(answered, detector, detector.predict(pictures))


def test_files_are_decoded_as_files_are(
    client: TestClient, detector: Detector, photo: Photo, tmp_path: Any
) -> None:
    # A JPEG that is decoded at a fraction of its size.
    (tmp_path / "a.jpg").write_bytes(photo(size=(600, 400), kind="JPEG"))
    answered = products(client.post("/predict", files=upload((tmp_path / "a.jpg").read_bytes())))
    agree(answered, detector, detector.predict([tmp_path / "a.jpg"]))


def test_texts_score_as_the_detector_scores_them(text_detector: Detector, serve: Serve) -> None:
    client = serve(text_detector)
    given = ["a red dress", "<b>puff</b> sleeves, 100 % Baumwolle", "漢字 \x00 only"]
    answered = products(client.post("/predict", files=texts(*given)))
    agree(answered, text_detector, text_detector.predict(texts=given))
    assert [product["image"] for product in answered] == [None] * 3


def test_images_with_texts(both_detector: Detector, serve: Serve, photo: Photo) -> None:
    client = serve(both_detector)
    files = [
        ("images", ("a.png", photo(1))),
        ("texts", (None, "a red dress")),
        ("images", ("", b"")),
        ("texts", (None, "bow")),
        ("images", ("c.png", photo(2))),
        ("texts", (None, "")),
    ]
    answered = products(client.post("/predict", files=files))
    pictures = [Image.open(io.BytesIO(photo(seed))) for seed in (1, 2)]
    predicted = both_detector.predict(
        [pictures[0], None, pictures[1]], texts=["a red dress", "bow", None]
    )
    agree(answered, both_detector, predicted)
    assert [product["image"] for product in answered] == ["a.png", None, "c.png"]


def test_what_can_be_asked_for(client: TestClient, detector: Detector, photo: Photo) -> None:
    files = upload(photo(3))
    (everything,) = products(client.post("/predict", files=files))
    labels = everything["labels"]
    (top,) = products(client.post("/predict?top=2", files=files))
    assert top["labels"] == labels[:2]
    (yes,) = products(client.post("/predict?only_predicted=true", files=files))
    assert yes["labels"] == [label for label in labels if label["predicted"]]
    (both,) = products(client.post("/predict?only_predicted=1&top=1", files=files))
    assert both["labels"] == yes["labels"][:1]

    (corrected,) = products(client.post("/predict?corrected=true", files=files))
    embeddings = detector.embed([Image.open(io.BytesIO(photo(3)))])
    wanted = detector.probabilities(embeddings, corrected=True)[0]
    for label in corrected["labels"]:
        at = detector.space.labels.index(label["label"])
        assert label["score_corrected"] == pytest.approx(wanted[at], 1e-6)
    assert not any("score_corrected" in label for label in labels)

    (independent,) = products(client.post("/predict?independent=true", files=files))
    for label in independent["labels"]:
        assert label["predicted"] == (label["score"] >= label["threshold"])
    exclusive = [label for label in labels if label["label"].startswith("sleeve:")]
    assert sum(label["predicted"] for label in exclusive) == 1


@pytest.mark.parametrize(
    ("query", "told"), [("top=0", "query top"), ("top=many", "query top"), ("corrected=x", "query")]
)
def test_wrong_parameters(client: TestClient, photo: Photo, query: str, told: str) -> None:
    answer = client.post(f"/predict?{query}", files=upload(photo()))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)


def bomb(width: int, height: int) -> bytes:
    """Write a PNG whose header announces many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "1.png: the file is empty"),
        (b"<html>", "1.png: no image in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "1.png: no image in a known"),
        (b"\x89PNG\r\n\x1a\n", "1.png: "),
        (bomb(10_000, 10_000), "1.png: 10000 x 10000 pixels, more than 50 megapixels"),
        (bomb(2**31 - 1, 2**31 - 1), "1.png: "),
    ],
    ids=["empty", "html", "eps", "truncated", "bomb", "overflow"],
)
def test_an_image_that_cannot_be_decoded_is_named(
    client: TestClient, photo: Photo, content: bytes, told: str
) -> None:
    answer = client.post("/predict", files=upload(photo(), content))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(told)
    assert "LONGTAILOR_" not in answer.text
    several = client.post("/predict", files=upload(content, photo(), content))
    assert several.json()["detail"].endswith("(and 1 more cannot be used)")


def test_names_of_files_are_told_as_they_are_but_short(client: TestClient) -> None:
    name = '<img src=x onerror="alert(1)">/../../etc/passwd' + "x" * 500
    answer = client.post("/predict", files=[("images", (name, b"no image"))])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert "<img src=x" in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 200


class Slow:
    """Holds the detector back until it is let go."""

    def __init__(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.entered = threading.Event(), threading.Event()
        embed = detector.embed

        def held(*args: Any, **kwargs: Any) -> Any:
            self.entered.set()
            assert self.go_on.wait(20)
            return embed(*args, **kwargs)

        self.hold = lambda: monkeypatch.setattr(detector, "embed", held)


@pytest.fixture
def slow(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(detector, monkeypatch)


def test_a_full_queue_is_told_with_503(
    detector: Detector, serve: Serve, slow: Slow, photo: Photo
) -> None:
    client = serve(detector, queue=3, max_products=3, batch_size=1)
    slow.hold()
    with ThreadPoolExecutor(2) as clients:
        first = clients.submit(client.post, "/predict", files=upload(photo(), photo(1)))
        assert slow.entered.wait(10)
        full = client.post("/predict", files=upload(photo(), photo(1)))
        assert full.status_code == 503
        assert full.headers["retry-after"] == "1"
        assert "try again" in full.json()["detail"]
        # One product still has a place.
        second = clients.submit(client.post, "/predict", files=upload(photo(2)))
        while "longtailor_products_in_progress 3.0" not in client.get("/metrics").text:
            assert not second.done()
        refused = client.post("/predict", files=upload(photo()))
        assert refused.status_code == 503
        assert client.get("/health").json() == {"status": "busy"}
        assert client.get("/health").status_code == 503
        assert client.get("/health/live").json() == {"status": "live"}
        slow.go_on.set()
        assert first.result(10).status_code == second.result(10).status_code == 200
    text = client.get("/metrics").text
    assert 'longtailor_rejected_total{reason="queue"} 2.0' in text
    assert "longtailor_products_in_progress 0.0" in text
    assert "longtailor_products_total 3.0" in text
    assert products(client.post("/predict", files=upload(photo(), photo(1), photo(2))))


def test_what_takes_too_long_is_told_with_504(
    detector: Detector, serve: Serve, slow: Slow, photo: Photo
) -> None:
    client = serve(detector, timeout=0.2)
    slow.hold()
    answer = client.post("/predict", files=upload(photo()))
    assert answer.status_code == 504
    assert "0.2 seconds" in answer.json()["detail"]
    slow.go_on.set()
    assert products(client.post("/predict", files=upload(photo())))


def test_a_failure_of_the_detector_is_no_traceback(
    detector: Detector, serve: Serve, monkeypatch: pytest.MonkeyPatch, photo: Photo
) -> None:
    client = serve(detector)

    def fails(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("secret detail of the machine")

    monkeypatch.setattr(detector, "embed", fails)
    answer = client.post("/predict", files=upload(photo()))
    assert answer.status_code == 500
    assert answer.json() == {"detail": "the service failed; its log says why"}
    assert client.get("/health").status_code == 200


def test_labels(client: TestClient, detector: Detector) -> None:
    answer = client.get("/labels").json()
    assert answer["reads"] == ["image"]
    assert answer["labels"][2] == {
        "label": "sleeve:puff",
        "attribute": "sleeve",
        "exclusive": True,
        "threshold": 0.2,
        "promised_precision": None,
    }
    assert [label["label"] for label in answer["labels"]] == list(detector.space.labels)
    assert not answer["labels"][3]["exclusive"]


def test_labels_that_promise(detector: Detector, serve: Serve, photo: Photo) -> None:
    from longtailor.evaluation.promises import Promise

    kept = np.array([False, True, True, True])
    detector.promise = Promise(0.9, 0.1, detector.thresholds, kept, np.zeros(4))
    client = serve(detector)
    told = [label["promised_precision"] for label in client.get("/labels").json()["labels"]]
    assert told == [None, 0.9, 0.9, 0.9]
    (product,) = products(client.post("/predict", files=upload(photo())))
    cap = next(label for label in product["labels"] if label["label"] == "sleeve:cap")
    assert not cap["predicted"]


def test_health_follows_the_thread_that_scores(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ready"}
    client.app.state.service._batcher.close(5)  # type: ignore[attr-defined]
    for path in ("/health", "/health/live"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (503, {"status": "dead"})


def test_metrics_do_not_grow_with_what_clients_make_up(client: TestClient, photo: Photo) -> None:
    client.post("/predict", files=upload(photo(), photo(1)))
    for at in range(5):
        client.get(f"/made/up/{at}")
        client.request(f"MADE{at}", "/labels")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (
        'longtailor_requests_total{method="POST",path="/predict",status="200"} 1.0' in answer.text
    )
    assert 'longtailor_requests_total{method="GET",path="other",status="404"} 5.0' in answer.text
    assert "made" not in answer.text.lower()
    assert 'longtailor_request_seconds_count{path="/predict"} 1.0' in answer.text
    assert "longtailor_batch_products_sum 2.0" in answer.text
    assert "process_resident_memory_bytes" in answer.text
