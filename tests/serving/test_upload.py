from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from longtailor import Detector

Serve = Callable[..., TestClient]
Photo = Callable[..., bytes]
EMPTY = ("images", ("", b""))


def detail(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["detail"]
    told = answer.json()["detail"]
    assert isinstance(told, str)
    assert "Traceback" not in told
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        (None, 415, "send a form"),
        ("", 415, "send a form"),
        ("image/png", 415, "send a form"),
        ("application/json", 415, "send a form"),
        ("application/x-www-form-urlencoded", 415, "send a form"),
        ("multipart/form-data", 400, "Missing boundary"),
        ("multipart/form-data; boundary=b", 400, "the form cannot be read"),
        ("multipart/form-data; boundary=b; charset=utf-7", 415, "UTF-8"),
        ("multipart/form-data; boundary=b; charset=raw_unicode_escape", 415, "UTF-8"),
    ],
)
def test_bodies_that_are_no_form(
    client: TestClient, kind: str | None, status: int, told: str
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert told in detail(client.post("/predict", content=b"nothing", headers=headers), status)


def test_a_compressed_form_is_refused(client: TestClient, photo: Photo) -> None:
    answer = client.post(
        "/predict", files={"images": photo()}, headers={"content-encoding": "gzip"}
    )
    assert "Content-Encoding" in detail(answer, 415)


def test_products_are_counted(detector: Detector, serve: Serve, photo: Photo) -> None:
    client = serve(detector, max_products=2)
    files = [("images", (f"{at}.png", photo(at))) for at in range(3)]
    assert client.post("/predict", files=files[:2]).status_code == 200
    assert detail(client.post("/predict", files=files), 422) == (
        "a request takes 2 products at most"
    )
    assert client.post("/predict", files=files * 500).status_code == 422


def test_texts_are_counted_too(text_detector: Detector, serve: Serve) -> None:
    client = serve(text_detector, max_products=2, max_text=10)
    several = [("texts", (None, "red"))] * 3
    assert "2 products at most" in detail(client.post("/predict", files=several), 422)
    for length in (11, 100):
        long = [("texts", (None, "x" * length))]
        assert detail(client.post("/predict", files=long), 422) == (
            "a text has 10 characters at most"
        )
    exactly = [("texts", (None, "\u6f22" * 10))]
    assert client.post("/predict", files=exactly).status_code == 200


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ([("image", ("a.png", b"x"))], "no field is called 'image': images, texts"),
        ([EMPTY], "product 0 is empty: send images"),
        ([("images", (None, ""))], "product 0 is empty: send images"),
        ([("images", (None, "https://evil.example/a.png"))], "no URLs or paths"),
        ([("texts", (None, "red"))], "this detector reads images: leave texts out"),
        ([("texts", ("a.txt", b"red"))], "texts takes plain fields"),
    ],
)
def test_forms_that_are_no_products(client: TestClient, files: Any, told: str) -> None:
    assert told in detail(client.post("/predict", files=files), 422)


def test_nothing_at_all(client: TestClient) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post("/predict", content=b"--b--\r\n", headers=headers)
    assert detail(answer, 422) == "there is no product: send images"


def test_images_and_texts_are_paired(both_detector: Detector, serve: Serve, photo: Photo) -> None:
    client = serve(both_detector)
    image, text = ("images", ("a.png", photo())), ("texts", (None, "red dress"))
    none = ("texts", (None, " "))
    for files in ([image], [text], [image, text], [image, EMPTY, none, text]):
        answer = client.post("/predict", files=files)
        assert answer.status_code == 200, answer.text
    assert "1 images and 2 texts" in detail(client.post("/predict", files=[image, text, text]), 422)
    told = detail(client.post("/predict", files=[image, EMPTY, text, none]), 422)
    assert told == "product 1 is empty: send images or texts"


def write_form(photo: bytes) -> bytes:
    """Write a form of two products, one with both, one with a text."""

    def part(disposition: str, content: bytes) -> bytes:
        head = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
        return head.encode() + content + b"\r\n"

    return (
        part('name="images"; filename="a.png"', photo)
        + part('name="texts"', b"a red dress")
        + part('name="images"; filename=""', b"")
        + part('name="texts"', "Ärmel".encode())
        + b"--b--\r\n"
    )


MADE_UP = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"--b", b"--b--", b"\r\n", b"; ", b'"', b"\x00", b"\xff", b"filename*=", b":"]
    ),
)


def test_damaged_forms_are_refused_in_one_sentence(
    both_detector: Detector, serve: Serve, photo: Photo
) -> None:
    client = serve(both_detector)
    form = write_form(photo())
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/predict", content=form, headers=headers).status_code == 200
    seen = set()

    @seed(0)
    @settings(
        max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        st.lists(
            st.tuples(st.integers(0, len(form)), st.integers(0, 30), MADE_UP),
            min_size=1,
            max_size=4,
        )
    )
    def refused(changes: list[tuple[int, int, bytes]]) -> None:
        damaged = form
        for at, cut, put in changes:
            damaged = damaged[:at] + put + damaged[at + cut :]
        answer = client.post("/predict", content=damaged, headers=headers)
        seen.add(answer.status_code)
        if answer.status_code != 200:
            detail(answer, answer.status_code)

    refused()
    assert seen == {200, 400, 422}
