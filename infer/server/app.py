"""The routes of `colorize-serve`."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from colorize_gan.core.errors import ImageError, TooLargeError, UnknownFormatError
from colorize_gan.core.images.formats import MEDIA_TYPES
from colorize_gan.core.text import with_settings
from colorize_gan.core.version import __version__
from colorize_gan.infer.batch.results import NO_MEMORY
from colorize_gan.infer.server.admission import BusyError, Share
from colorize_gan.infer.server.limits import Limits
from colorize_gan.infer.server.lingering import Lingering
from colorize_gan.infer.server.metrics import Counted
from colorize_gan.infer.server.page import add_page
from colorize_gan.infer.server.receiving import (
    FIELD,
    HINTS_FIELD,
    MULTIPART,
    RAW_TYPE,
    REFERENCE_FIELD,
    receive_image,
)
from colorize_gan.infer.server.service import ColorOptions, Reply, Service
from colorize_gan.infer.web.site import Site

PATH = "/v1/colorize"
CLIENT_CLOSED = 499  # nginx's number: nobody is there to read it

_SLICE = 256 * 1024
_T = TypeVar("_T")


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str = Field(examples=["more than 64 megabytes"])


def create_app(service: Service, token: str | None = None, site: Site | None = None) -> FastAPI:
    """Return the ASGI application; with a token, all but the health checks and the page ask for it."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await service.pool.close()

    app = FastAPI(
        title="colorize-gan",
        version=__version__,
        description="Black-and-white photographs in colour; their lightness stays what it was.",
        lifespan=lifespan,
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Lingering)
    app.add_middleware(Counted, path=PATH, requests=service.metrics.requests)
    _add_errors(app, service)
    guard = [Depends(_guard(token))] if token else []
    _add_colorize(app, service, guard)
    _add_checks(app, service, guard)
    if site:
        add_page(app, site)
    return app


def _guard(token: str) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a dependency that asks for the token."""
    scheme = HTTPBearer(auto_error=False, description="The token that the server was started with.")

    async def check(sent: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        if sent is None or not secrets.compare_digest(sent.credentials.encode(), token.encode()):
            raise HTTPException(
                401, "Authorization: send the server's bearer token", {"WWW-Authenticate": "Bearer"}
            )

    return check


def _add_colorize(app: FastAPI, service: Service, guard: list[Any]) -> None:
    async def share() -> AsyncIterator[Share]:
        """Hold memory until the answer is sent."""
        if service.draining:
            raise HTTPException(503, "the server is stopping", _retry(service))
        if service.pool.is_full or service.memory.is_full:
            raise BusyError
        with service.metrics.request_seconds.time(), service.memory.share() as opened:
            yield opened

    @app.post(
        PATH,
        summary="Colorize a photograph",
        description=(
            f"The body is an image file, raw or as the field `{FIELD}` of a form:\n\n"
            f"    curl -F {FIELD}=@old.jpg 'http://127.0.0.1:8000{PATH}?format=png' -o new.png\n\n"
            f"A form may have hints of colour, too: a `.hints.json` file as the field `{HINTS_FIELD}`. "
            f"The field `{REFERENCE_FIELD}` is a picture in right colours, which go to what looks alike.\n\n"
            "The answer is, byte for byte, the file that `colorize-batch` writes on the same backend."
        ),
        response_class=Response,
        responses=_ANSWERS | _too_large(service.limits) | (_UNAUTHORIZED if guard else {}),
        openapi_extra=_REQUEST_BODY,
        dependencies=guard,
    )
    async def colorize(
        request: Request,
        options: Annotated[ColorOptions, Query()],
        share: Annotated[Share, Depends(share)],
    ) -> Response:
        upload = await receive_image(request, service.limits, share)
        try:
            async with asyncio.timeout(service.limits.time_limit):
                reply = await _unless_gone(request, service.colorize(upload, options))
        except TimeoutError as error:
            reason = f"not done within {service.limits.time_limit:g} seconds"
            raise HTTPException(503, reason, _retry(service)) from error
        share.replace(len(reply.content))
        return _SlicedResponse(reply.content, media_type=reply.media_type, headers=_headers(reply))


def _add_checks(app: FastAPI, service: Service, guard: list[Any]) -> None:
    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether it takes photographs, and what it runs",
        responses=_answer(503, "the server is stopping"),
    )
    async def readyz() -> dict[str, str]:
        if service.draining:
            raise HTTPException(503, "the server is stopping", _retry(service))
        return {"status": "ready", **service.about()}

    @app.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses=_METRICS | (_UNAUTHORIZED if guard else {}),
        dependencies=guard,
    )
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_errors(app: FastAPI, service: Service) -> None:
    """Give all that goes wrong as a `Problem` with its status."""

    def refused(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse({"detail": detail}, status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refused(422, f"{first['loc'][-1]}: {first['msg']}")

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> Response:
        return refused(429, "too many photographs at once; try again later", _retry(service))

    @app.exception_handler(ImageError)
    async def unusable(_: Request, error: ImageError) -> Response:
        statuses = {TooLargeError: 413, UnknownFormatError: 415}
        return refused(statuses.get(type(error), 422), with_settings(str(error)))

    @app.exception_handler(MemoryError)
    async def too_big(_: Request, error: MemoryError) -> Response:
        return refused(413, NO_MEMORY)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_CLOSED)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of ``work``; give it up when the client hangs up."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())  # after the body, all that can come is a disconnect
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        gone.cancel()


def _retry(service: Service) -> dict[str, str]:
    return {"Retry-After": str(service.pool.seconds_to_wait())}


def _headers(reply: Reply) -> dict[str, str]:
    times = ", ".join(f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in reply.seconds.items())
    note = with_settings(reply.facts["note"])
    return {"Server-Timing": times, **({"Colorize-Note": note} if note else {})}


class _SlicedResponse(Response):
    """A response sent in slices, so that the server sees whether the client takes them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        for begin in range(0, len(self.body), _SLICE):
            part = self.body[begin : begin + _SLICE]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _answer(status: int, description: str, *, retry: bool = False) -> dict[int | str, dict[str, Any]]:
    headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    example = {"application/json": {"example": {"detail": description}}}
    answer = {"model": Problem, "description": description, "content": example}
    return {status: answer | ({"headers": headers} if retry else {})}


def _too_large(limits: Limits) -> dict[int | str, dict[str, Any]]:
    megabytes, megapixels = limits.max_megabytes, limits.max_megapixels
    return _answer(413, f"more than {megabytes:g} megabytes, or more than {megapixels:g} megapixels")


_IMAGE_TYPES = tuple(MEDIA_TYPES.values())
_SENT = (*_IMAGE_TYPES, RAW_TYPE)  # others that begin with image/ are taken, too

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The photograph in colour.",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _IMAGE_TYPES},
        "headers": {
            "Server-Timing": {
                "schema": {"type": "string"},
                "description": "Time in the queue and each stage.",
            },
            "Colorize-Note": {"schema": {"type": "string"}, "description": "Why a person should look at it."},
        },
    },
    **_answer(408, "the body came too slowly"),
    **_answer(415, "not an image of a format that can be colorized"),
    **_answer(
        422, "an option out of its range, a damaged image, or hints or a reference that cannot be used"
    ),
    **_answer(429, "too many photographs at once; try again later", retry=True),
    **_answer(503, "the server is stopping, or took too long", retry=True),
}

_UNAUTHORIZED = _answer(401, "no token, or not the right one")
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus text format", "content": {"text/plain": {}}}
}

_IMAGE = {"type": "string", "format": "binary"}
_HINTS = {"type": "string", "description": "Points of known colour: the content of a .hints.json file."}
_REFERENCE = _IMAGE | {"description": "A picture in right colours of the same person, uniform or place."}
_SENT_AS = {"contentType": ", ".join(_SENT)}
_FORM = {
    "type": "object",
    "properties": {FIELD: _IMAGE, HINTS_FIELD: _HINTS, REFERENCE_FIELD: _REFERENCE},
    "required": [FIELD],
    "additionalProperties": False,
}
_REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {MULTIPART: {"schema": _FORM, "encoding": {FIELD: _SENT_AS, REFERENCE_FIELD: _SENT_AS}}}
        | {media: {"schema": _IMAGE} for media in _SENT},
    }
}
