"""The application: routes, what guards them, and how errors are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from longtailor import __version__
from longtailor.detector import Detector
from longtailor.serving.guard import Guard
from longtailor.serving.metrics import Measured
from longtailor.serving.routes import build_router, errors
from longtailor.serving.service import Service
from longtailor.serving.settings import ServeSettings


def create_app(
    detector: Detector, settings: ServeSettings, *, review: APIRouter | None = None
) -> FastAPI:
    """Make the application that serves a detector.

    Parameters
    ----------
    detector : Detector
        Used by one thread of the application; use it nowhere else meanwhile.
    settings : ServeSettings
    review : APIRouter, optional
        Further routes, behind the same guard.

    Returns
    -------
    FastAPI
        It has to be run with its lifespan, as uvicorn does. `app.state.service` is its `Service`.
    """
    service = Service(detector, settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with service.running():
            yield

    app = FastAPI(
        title="longtailor",
        version=__version__,
        description="Predicts the labels of products.",
        lifespan=lifespan,
        # These pages of FastAPI's load their scripts from the internet.
        docs_url=None,
        redoc_url=None,
        responses=errors(400, 401, 403, 500),
    )
    app.state.service = service
    app.include_router(build_router(service))
    if review is not None:
        app.include_router(review)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(RequestValidationError, _tell_validation)
    app.add_exception_handler(ClientDisconnect, _tell_gone)
    app.add_exception_handler(Exception, _tell_bug)
    # The last one added sees a request first.
    app.add_middleware(Guard, settings=settings, metrics=service.metrics)
    app.add_middleware(Measured, metrics=service.metrics)
    return app


async def _tell_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def _tell_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = " ".join(str(part) for part in first["loc"])
    return JSONResponse({"detail": f"{where}: {first['msg']}"}, 422)


async def _tell_gone(request: Request, error: Exception) -> JSONResponse:
    # Nobody reads it; the status is counted.
    return JSONResponse({"detail": "the client went away"}, 400)


async def _tell_bug(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the service failed; its log says why"}, 500)
