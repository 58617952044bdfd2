from __future__ import annotations

import re
from collections.abc import Callable

from fastapi.testclient import TestClient

from longtailor import Detector


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


def test_the_command_fits_what_is_served(
    both_detector: Detector, serve: Callable[..., TestClient]
) -> None:
    client = serve(both_detector, host="::1", port=80, token="secret")
    page = client.get("/docs", headers={"authorization": "Bearer secret"}).text
    assert "secret" not in page
    assert "Bearer $LONGTAILOR_TOKEN" in page
    assert "texts=a red dress" in page
    assert "http://[::1]:80/predict" in page
