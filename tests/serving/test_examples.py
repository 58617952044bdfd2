from __future__ import annotations

from collections.abc import Callable

from fastapi.testclient import TestClient

from longtailor import Detector

Serve = Callable[..., TestClient]


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
