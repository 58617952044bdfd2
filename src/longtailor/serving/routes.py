"""The addresses of the service, its review page aside."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from longtailor.errors import LongtailorError
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
from longtailor.serving.service import Service
from longtailor.serving.upload import Upload, read_upload


def build_router(service: Service) -> APIRouter:
    """Make the routes of a service."""
    router = APIRouter()

    @router.post(
        "/predict",
        summary="Score products",
        response_model=PredictAnswer,
        responses={
            200: {"content": {"application/json": {"example": examples.answer(service.detector)}}},
            **_errors(400, 401, 408, 413, 415, 422, 503, 504),
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
        """Score images, texts, or products with both.

        The first of `images` and the first of `texts` belong to one product, and so on. Where a
        product has no image or no text, send an empty field. If one image cannot be decoded,
        nothing of the request is scored.
        """
        upload_read = False
        try:
            async with asyncio.timeout(service.settings.timeout):
                with service.place():
                    async with read_upload(request, service.detector, service.settings) as upload:
                        upload_read = True
                        with service.place(len(upload) - 1):
                            scores = await _score(service, upload)
        except TimeoutError:
            raise _late(service, upload_read) from None
        except LongtailorError as error:
            raise HTTPException(500, str(error)) from error
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

    @router.get("/labels", summary="What the detector reads and knows", responses=_errors(401))
    async def labels() -> LabelsAnswer:
        return labels_answer(service.detector)

    @router.get(
        "/health",
        summary="Whether the service takes work",
        responses={503: {"model": HealthAnswer, "description": "Not now."}},
    )
    async def health(response: Response) -> HealthAnswer:
        """Ready (200) or stopping (503). Needs no token."""
        if service.ready:
            return HealthAnswer(status="ready")
        response.status_code = 503
        return HealthAnswer(status="stopping")

    @router.get("/health/live", summary="Whether the process answers")
    async def live() -> HealthAnswer:
        """Needs no token."""
        return HealthAnswer(status="live")

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}, **_errors(401)},
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    return router


async def _score(service: Service, upload: Upload) -> list[Scores]:
    decoded = iter(await service.decode([image for image in upload.images if image is not None]))
    pixels = [None if image is None else next(decoded) for image in upload.images]
    broken = [one for one in pixels if isinstance(one, BaseException)]
    if broken:
        raise HTTPException(422, _tell(broken))
    return await service.score(
        [Product(*both) for both in zip(pixels, upload.texts, strict=True)]  # type: ignore[arg-type]
    )


def _tell(broken: list[BaseException]) -> str:
    others = f" (and {len(broken) - 1} other images cannot be used)" if len(broken) > 1 else ""
    return f"{broken[0]}{others}"


def _late(service: Service, upload_read: bool) -> HTTPException:
    service.metrics.rejected.labels("timeout").inc()
    limit = f"{service.settings.timeout:g} seconds"
    if not upload_read:
        return HTTPException(408, f"the request did not arrive within {limit}")
    return HTTPException(504, f"the service did not get to it within {limit}; try fewer products")


_MEANING = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    408: "The request arrived too slowly.",
    413: "More than a request may have.",
    415: "Not a form in UTF-8.",
    422: "Not products that the detector reads, or an image that cannot be decoded.",
    503: "No work is taken now; see Retry-After.",
    504: "Not answered in time.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ErrorAnswer, "description": _MEANING[status]} for status in statuses}
