"""The addresses of the review page."""

from __future__ import annotations

import secrets
from importlib import resources
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from longtailor.errors import ImageError, LongtailorError
from longtailor.serving.review.decisions import ChangedError
from longtailor.serving.review.state import Review
from longtailor.serving.review.thumbnails import Thumbnails

MOST = 120
"""Products that are sent at once at most."""
_STATIC = {
    "review.css": "text/css; charset=utf-8",
    "review.js": "text/javascript; charset=utf-8",
}
_PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

Shown = Literal["unknown", "contradicting", "yes", "no", "decided", "skipped", "all"]
Order = Literal["doubtful", "useful", "highest", "lowest"]
Choice = Literal["yes", "no", "skip"]


class DecisionRequest(BaseModel):
    """A decision on one label of one product, or its undoing."""

    model_config = ConfigDict(extra="forbid")

    label: str = Field(description="As /review/api/labels gives it.")
    product: int = Field(ge=0, description="The number of a product in this process.")
    decision: Choice | Literal["undo"]
    expected: Choice | None = Field(None, description="With undo: what is to be undone.")
    before: Choice | None = Field(None, description="With undo: what was decided before it.")


def build_router(review: Review) -> APIRouter:
    """Make the routes of the page.

    They are to stand behind a guard that checks the host, the origin and the token.
    """
    router = APIRouter(prefix="/review", include_in_schema=False)
    thumbnails = Thumbnails(review.images)
    columns = {label: at for at, label in enumerate(review.space.labels)}
    # Numbers of products mean others in another process: browsers must not mix up their photos.
    version = secrets.token_hex(8)

    def column(label: str) -> int:
        if label not in columns:
            raise HTTPException(404, f"there is no label {label!r}")
        return columns[label]

    @router.get("")
    @router.get("/")
    def page() -> Response:
        content = _static("index.html")
        return Response(content, media_type="text/html; charset=utf-8", headers=_PAGE_HEADERS)

    @router.get("/static/{name}")
    def static(name: Annotated[str, Path()]) -> Response:
        if name not in _STATIC:
            raise HTTPException(404, "there is no such file")
        headers = {**_PAGE_HEADERS, "cache-control": "no-cache"}
        return Response(_static(name), media_type=_STATIC[name], headers=headers)

    @router.get("/api/labels")
    def labels() -> dict[str, Any]:
        file = review.decisions.file
        notes = [*review.notes]
        described = review.labels()
        if file.torn:
            notes.append(
                f"{file.torn} unfinished lines, as a crash leaves them, were moved to "
                f"{file.aside.name}; they had never been confirmed"
            )
        if file.broken:
            notes.append(f"{len(file.broken)} lines of {file.path.name} are no JSON objects")
        if review.decisions.foreign:
            notes.append(
                f"{review.decisions.foreign:,} rows of {file.path.name} are of other products or "
                "labels, or were not made here; they are kept, and not shown"
            )
        return {
            "catalog": review.name,
            "products": len(review.ids),
            "file": str(file.path),
            "version": version,
            "notes": notes,
            "labels": described,
        }

    @router.get("/api/curve")
    def curve(label: Annotated[str, Query()]) -> dict[str, Any]:
        return review.curve(column(label))

    @router.get("/api/products")
    def products(
        label: Annotated[str, Query()],
        threshold: Annotated[float, Query(ge=0, le=1)],
        shown: Annotated[Shown, Query()] = "unknown",
        order: Annotated[Order, Query()] = "doubtful",
        start: Annotated[int, Query(ge=0, le=2**31)] = 0,
        size: Annotated[int, Query(ge=1, le=MOST)] = 48,
    ) -> dict[str, Any]:
        return review.page(
            column(label), shown=shown, order=order, threshold=threshold, start=start, size=size
        )

    @router.get("/thumbnails/{product}/{side}")
    def thumbnail(product: int, side: int) -> Response:
        try:
            content = thumbnails.get(product, side)
        except KeyError:
            raise HTTPException(404, "there is no such photo") from None
        except ImageError:
            raise HTTPException(404, "the photo cannot be read") from None
        headers = {**_PAGE_HEADERS, "cache-control": "private, max-age=86400"}
        return Response(content, media_type="image/jpeg", headers=headers)

    @router.post("/api/decisions")
    def decide(wanted: DecisionRequest, request: Request) -> dict[str, Any]:
        _require_own_page(request)
        label = column(wanted.label)
        if wanted.product >= len(review.ids):
            raise HTTPException(404, f"there is no product {wanted.product}")
        try:
            if wanted.decision != "undo":
                review.decisions.decide(wanted.product, label, wanted.decision)
            elif wanted.expected is None:
                raise HTTPException(422, "undo needs what is to be undone, as expected")
            else:
                review.decisions.undo(wanted.product, label, wanted.expected, wanted.before)
        except ChangedError:
            raise HTTPException(
                409, "somebody else has decided since; nothing was undone"
            ) from None
        except LongtailorError as error:
            raise HTTPException(507, f"the decision was not kept: {error}") from error
        decisions = review.decisions.of(label)
        counts = {kind: list(decisions.values()).count(kind) for kind in ("yes", "no", "skip")}
        return {"decision": decisions.get(wanted.product), "counts": counts}

    return router


def _static(name: str) -> bytes:
    return resources.files(__package__).joinpath("static", name).read_bytes()


def _require_own_page(request: Request) -> None:
    """Refuse what a page from elsewhere could make a browser send."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send application/json")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise HTTPException(403, "pages of other origins may not decide")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "pages of other sites may not decide")
