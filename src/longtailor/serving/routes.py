"""The addresses of the service, its review page aside."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from longtailor.errors import ImageError
from longtailor.serving import examples
from longtailor.serving.answers import (
    ErrorAnswer,
    HealthAnswer,
    LabelsAnswer,
    PredictAnswer,
    labels_answer,
    predict_answer,
)
from longtailor.serving.batching import Product, Scores
from longtailor.serving.docs import build_docs
from longtailor.serving.refusals import refuse
from longtailor.serving.service import Service
from longtailor.serving.upload import Upload, read_upload


def build_router(service: Service) -> APIRouter:
    """Make the routes of a service."""
    router = APIRouter()
    # Only describes it; the guard asks for it.
    token = [Depends(HTTPBearer(auto_error=False))] if service.settings.token else []

    @router.post(
        "/predict",
        dependencies=token,
        summary="Score products",
        response_model=PredictAnswer,
        responses={
            200: {
                "description": "The scores.",
                "content": {"application/json": {"example": examples.answer(service.detector)}},
            },
            **errors(408, 413, 415, 422, 503, 504),
        },
        openapi_extra={"requestBody": examples.form(service.detector, service.settings)},
    )
    async def predict(
        request: Request,
        corrected: Annotated[bool, Query(description="Add score_corrected to each label.")] = False,
        only_predicted: Annotated[
            bool, Query(description="Leave out the labels that are not predicted.")
        ] = False,
        independent: Annotated[
            bool,
            Query(description="Decide each label by itself, also those of an exclusive attribute."),
        ] = False,
        top: Annotated[
            int | None, Query(ge=1, description="Only so many labels, the highest score first.")
        ] = None,
    ) -> JSONResponse:
        """Take images, texts, or products with both.

        The first of the images and the first of the texts belong to one product, and so on. Where a
        product has no image or no text, send an empty field. If one image cannot be decoded,
        nothing of the request is scored.
        """
        try:
            async with asyncio.timeout(service.settings.timeout):
                with service.place():
                    async with read_upload(request, service.detector, service.settings) as upload:
                        with service.place(len(upload) - 1):
                            scores = await _score(service, upload)
        except TimeoutError:
            raise _late(service) from None
        return JSONResponse(
            predict_answer(
                service.detector,
                [image and image[0] for image in upload.images],
                scores,
                exclusive=not independent,
                corrected=corrected,
                only_predicted=only_predicted,
                top=top,
            )
        )

    @router.get("/labels", dependencies=token, summary="What the detector reads and knows")
    async def labels() -> LabelsAnswer:
        return labels_answer(service.detector)

    not_now: dict[int | str, dict[str, Any]] = {503: {"model": HealthAnswer, "description": "No."}}

    @router.get(
        "/health",
        summary="Whether the service takes work now",
        response_model=HealthAnswer,
        responses=not_now,
    )
    async def health() -> JSONResponse:
        """Say ready, busy (all places are taken) or dead. Needs no token."""
        status = "dead" if not service.alive else "busy" if service.full else "ready"
        return _health(status, status == "ready")

    @router.get(
        "/health/live",
        summary="Whether the service works at all",
        response_model=HealthAnswer,
        responses=not_now,
    )
    async def live() -> JSONResponse:
        """Say live, or dead: it then has to be started again. Needs no token."""
        return _health("live" if service.alive else "dead", service.alive)

    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(
            build_docs(service, request.app.openapi()),
            # The page carries its style in itself, and needs nothing else.
            headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    @router.get(
        "/metrics",
        dependencies=token,
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}},
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    return router


async def _score(service: Service, upload: Upload) -> list[Scores]:
    decoded = await service.decode([image for image in upload.images if image is not None])
    broken = [one for one in decoded if isinstance(one, ImageError)]
    if broken:
        others = f" (and {len(broken) - 1} more cannot be used)" if len(broken) > 1 else ""
        raise HTTPException(422, f"{broken[0]}{others}")
    pixels = iter(one for one in decoded if not isinstance(one, ImageError))
    return await service.score(
        [
            Product(None if image is None else next(pixels), text)
            for image, text in zip(upload.images, upload.texts, strict=True)
        ]
    )


def _health(status: str, well: bool) -> JSONResponse:
    return JSONResponse({"status": status}, 200 if well else 503)


def _late(service: Service) -> HTTPException:
    return refuse(
        service.metrics,
        "timeout",
        504,
        f"not done within {service.settings.timeout:g} seconds: try again, or with fewer products",
    )


_MEANING = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "A page of another origin asks.",
    408: "The request arrived too slowly.",
    413: "The request has more in it than it may.",
    415: "Not a form in UTF-8.",
    422: "Not products that the detector reads, or an image that cannot be decoded.",
    500: "The service failed.",
    503: "No work is taken now; see Retry-After.",
    504: "Not answered in time.",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe errors for OpenAPI."""
    return {status: {"model": ErrorAnswer, "description": _MEANING[status]} for status in statuses}
