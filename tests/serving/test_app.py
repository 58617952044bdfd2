from __future__ import annotations

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from pydantic import BaseModel

from longtailor import Detector
from longtailor.serving import ServeSettings, create_app


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
