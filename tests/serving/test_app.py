from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel

from longtailor import Detector
from longtailor.serving import ServeSettings, create_app

Serve = Callable[..., TestClient]


class Decision(BaseModel):
    label: str
    known: bool


@pytest.fixture
def reviewed(detector: Detector) -> TestClient:
    router = APIRouter(prefix="/review")

    @router.post("/decide")
    async def decide(decision: Decision) -> dict[str, str]:
        return {"decided": decision.label}

    @router.get("/bug")
    async def bug() -> None:
        raise RuntimeError("secret detail of the machine")

    app = create_app(detector, ServeSettings(max_megabytes=0.001), review=router)
    return TestClient(app, "http://127.0.0.1", raise_server_exceptions=False)


def test_other_routes_stand_behind_the_same_guard(reviewed: TestClient) -> None:
    with reviewed as client:
        decision = {"label": "sleeve:puff", "known": True}
        assert client.post("/review/decide", json=decision).json() == {"decided": "sleeve:puff"}
        assert 'path="/review/decide",status="200"' in client.get("/metrics").text
        headers = {"origin": "https://evil.example"}
        assert client.post("/review/decide", json=decision, headers=headers).status_code == 403
        large = client.post("/review/decide", content=iter([b" " * 500] * 3))
        assert large.status_code == 413
        assert large.json() == {"detail": "a request has 1,000 bytes at most"}


def test_all_errors_are_one_sentence(reviewed: TestClient) -> None:
    with reviewed as client:
        for answer, status, told in (
            (client.get("/nowhere"), 404, "Not Found"),
            (client.get("/predict"), 405, "Method Not Allowed"),
            (client.get("/review/bug"), 500, "the service failed; its log says why"),
            (client.post("/review/decide", json={"label": "a"}), 422, "body known: Field required"),
            (client.post("/review/decide", content=b"{"), 422, "body"),
        ):
            assert answer.status_code == status
            assert answer.json()["detail"].startswith(told)
            assert "secret" not in answer.text
            assert "Traceback" not in answer.text


def test_the_docs_need_no_internet(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert not re.findall(r'(?:src|href)="(?!data:|openapi\.json)', page.text)
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("POST /predict", "GET /labels", "GET /health", "GET /metrics"):
        assert path in page.text
    assert "curl -F images=@photo.jpg http://127.0.0.1:8000/predict" in page.text
    assert client.get("/redoc").status_code == 404


def test_the_openapi_has_examples_of_this_detector(
    client: TestClient, detector: Detector, text_detector: Detector, serve: Serve
) -> None:
    described = client.get("/openapi.json").json()
    predict = described["paths"]["/predict"]["post"]
    form = predict["requestBody"]["content"]["multipart/form-data"]
    assert list(form["schema"]["properties"]) == ["images"]
    assert "curl -F images=@" in form["schema"]["properties"]["images"]["description"]
    example = predict["responses"]["200"]["content"]["application/json"]["example"]
    assert example["products"][0]["labels"][0]["label"] == detector.space.labels[0]
    assert {"400", "401", "408", "413", "415", "422", "503", "504"} <= set(predict["responses"])
    assert "HTTPValidationError" not in described["components"]["schemas"]

    described = serve(text_detector).get("/openapi.json").json()
    form = described["paths"]["/predict"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert list(form["schema"]["properties"]) == list(form["example"]) == ["texts"]
