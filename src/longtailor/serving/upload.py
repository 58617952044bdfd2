"""From the body of a request to products that can be scored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from longtailor.catalog import IMAGE, TEXT
from longtailor.detector import Detector
from longtailor.serving.settings import ServeSettings

IMAGES, TEXTS = "images", "texts"
LONGEST_NAME = 100
"""Characters of a file's name that are told."""


@dataclass(frozen=True)
class Upload:
    """The products of a request, undecoded; None where one has no image or no text.

    Attributes
    ----------
    images : list of ((str, binary file object) or None)
        The name of each file, and the file.
    texts : list of (str or None)
    """

    images: list[tuple[str, IO[bytes]] | None]
    texts: list[str | None]

    def __len__(self) -> int:
        return len(self.images)


@asynccontextmanager
async def read_upload(
    request: Request, detector: Detector, settings: ServeSettings
) -> AsyncIterator[Upload]:
    """Read a form of images and texts; its files are there while the block runs.

    Raises
    ------
    HTTPException
        400 if the body is no form, 415 if it is of another type, 422 if it does not tell products
        that the detector reads, or more of them than allowed.
    """
    _require_form(request)
    # Bytes that are not ASCII take up to four of them a character.
    largest_text = 4 * settings.max_text
    try:
        form = await request.form(
            max_files=settings.max_products,
            max_fields=2 * settings.max_products,
            max_part_size=largest_text,
        )
    except FormParserError as error:
        raise HTTPException(400, "the form cannot be read") from error
    except HTTPException as error:
        raise _in_our_words(error, settings) from error
    try:
        yield _products(form, detector, settings)
    finally:
        await form.close()


def _require_form(request: Request) -> None:
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise HTTPException(
            415, "send a form: Content-Type multipart/form-data, as curl -F images=@photo.jpg does"
        )
    # Other codecs of Python's read letters that no text has, or take very long over it.
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise HTTPException(415, "send texts and names in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "send the form as it is, without a Content-Encoding")


def _in_our_words(error: HTTPException, settings: ServeSettings) -> HTTPException:
    if error.status_code != 400:
        return error
    if error.detail.startswith("Too many"):
        return _too_many(settings)
    if error.detail.startswith("Part exceeded"):
        return _too_long(settings)
    return HTTPException(400, f"the form cannot be read: {error.detail}")


def _too_many(settings: ServeSettings) -> HTTPException:
    return HTTPException(422, f"a request takes {settings.max_products} products at most")


def _too_long(settings: ServeSettings) -> HTTPException:
    return HTTPException(422, f"a text has {settings.max_text:,} characters at most")


def _products(form: FormData, detector: Detector, settings: ServeSettings) -> Upload:
    unknown = sorted(set(form) - {IMAGES, TEXTS})
    if unknown:
        raise HTTPException(422, f"no field is called {unknown[0][:40]!r}: images, texts")
    images = [_image(value, at) for at, value in enumerate(form.getlist(IMAGES))]
    texts = [_text(value, settings) for value in form.getlist(TEXTS)]
    for field, modality, values in ((IMAGES, IMAGE, images), (TEXTS, TEXT, texts)):
        if values and modality not in detector.encoders:
            reads = " and ".join(f"{name}s" for name in detector.encoders)
            raise HTTPException(422, f"this detector reads {reads}: leave {field} out")
    if images and texts and len(images) != len(texts):
        raise HTTPException(
            422,
            f"{len(images)} images and {len(texts)} texts: send as many of one as of the other, "
            "empty where a product has none",
        )
    count = max(len(images), len(texts))
    if count > settings.max_products:
        raise _too_many(settings)
    upload = Upload(images or [None] * count, texts or [None] * count)
    _require_something(upload, detector)
    return upload


def _require_something(upload: Upload, detector: Detector) -> None:
    wanted = " or ".join(f"{name}s" for name in detector.encoders)
    if not len(upload):
        raise HTTPException(422, f"there is no product: send {wanted}")
    for at, (image, text) in enumerate(zip(upload.images, upload.texts, strict=True)):
        if image is None and text is None:
            raise HTTPException(422, f"product {at} is empty: send {wanted}")


def _image(value: UploadFile | str, at: int) -> tuple[str, IO[bytes]] | None:
    if isinstance(value, str):
        if value:
            raise HTTPException(
                422, "images takes files, as curl -F images=@photo.jpg sends; no URLs or paths"
            )
        return None
    # What a browser sends of a file field without a file.
    if not value.filename and not value.size:
        return None
    return (value.filename or f"image {at}")[:LONGEST_NAME], value.file


def _text(value: UploadFile | str, settings: ServeSettings) -> str | None:
    if not isinstance(value, str):
        raise HTTPException(422, "texts takes plain fields, as curl -F 'texts=a red dress' sends")
    if len(value) > settings.max_text:
        raise _too_long(settings)
    return value if value.strip() else None
