"""Taking a photograph from a request, as it arrives, and no more of it than is allowed."""

import asyncio
from typing import NamedTuple, Protocol

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from colorize_gan.infer.server.admission import Share
from colorize_gan.infer.server.limits import MEGABYTE, Limits

MULTIPART = "multipart/form-data"
FIELD = "image"
"""Name of the multipart field that holds the photograph."""
HINTS_FIELD = "hints"
"""Name of the one that may hold hints of its colours, as their file has them."""
REFERENCE_FIELD = "reference"
"""Name of the one that may hold a picture in right colours, which go to what looks alike."""
RAW_TYPE = "application/octet-stream"
"""Type of a body that is the image, as is every `image/...`. Its content decides its format."""

_SLOWEST = 50_000  # bytes a second that a client must send to be given more time


_FIELDS = (FIELD, HINTS_FIELD, REFERENCE_FIELD)


class Upload(NamedTuple):
    """A photograph as it was sent, and what is known of its colours."""

    image: bytes
    hints: bytes | None = None
    reference: bytes | None = None


async def receive_image(request: Request, limits: Limits, share: Share) -> Upload:
    """Return the image file that a request has as its body, or as a part of it, beside others.

    Raises:
        HTTPException: 408 too slow, 413 too many bytes, 415 not such a body, 422 no image in it.
        BusyError: the bodies of all requests together take too much memory.
        ClientDisconnect: the client is gone.
    """
    body = _body_for(request)
    most = int(limits.max_megabytes * MEGABYTE)
    length = request.headers.get("content-length", "0")
    if int(length) > most:
        raise _too_large(limits)
    started, received, more = asyncio.get_running_loop().time(), 0, True
    while more:
        deadline = started + limits.receive_timeout + received / _SLOWEST
        try:
            async with asyncio.timeout_at(deadline):
                message = await request.receive()
        except TimeoutError as error:
            raise HTTPException(408, f"the body came too slowly: {received} bytes so far") from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > most:
            raise _too_large(limits)
        share.add(len(chunk))
        body.write(chunk)
    upload = body.upload()
    if not upload.image:
        raise HTTPException(422, "the image is empty")
    return upload


def _too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"more than {limits.max_megabytes:g} megabytes")


class _Body(Protocol):
    def write(self, chunk: bytes) -> None: ...

    def upload(self) -> Upload: ...


def _body_for(request: Request) -> _Body:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "Content-Encoding: a body must not be compressed")
    media_type, parameters = parse_options_header(request.headers.get("content-type", RAW_TYPE))
    if media_type == RAW_TYPE.encode() or media_type.startswith(b"image/"):
        return _Raw()
    if media_type != MULTIPART.encode():
        raise HTTPException(
            415, f"Content-Type: send the image as {MULTIPART}, in the field {FIELD}, or raw as image/jpeg"
        )
    try:
        return _Multipart(parameters[b"boundary"])
    except (KeyError, FormParserError) as error:
        raise HTTPException(422, f"{MULTIPART}: no boundary that can be used") from error


class _Raw:
    """A body that is the image."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, chunk: bytes) -> None:
        self._content += chunk

    def upload(self) -> Upload:
        return Upload(bytes(self._content))


class _Multipart:
    """A body of a part `FIELD`, and perhaps parts `HINTS_FIELD` and `REFERENCE_FIELD` (RFC 7578).

    A web form sends a part without a file's name and without content where no file was chosen.
    """

    def __init__(self, boundary: bytes) -> None:
        self._parts = dict[str, bytearray]()
        self._content = bytearray()  # of the part that is being read
        self._header, self._value = bytearray(), bytearray()
        self._name, self._has_file = "", False
        self._files = set[str]()  # parts of files
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._check_name,
                "on_part_data": lambda data, start, end: self._content.extend(data[start:end]),
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise HTTPException(422, f"{MULTIPART}: not valid ({error})") from error

    def upload(self) -> Upload:
        if FIELD not in self._parts:
            raise HTTPException(422, f"{MULTIPART}: the field {FIELD} is missing")
        if not self._is_complete:
            raise HTTPException(422, f"{MULTIPART}: cut short")
        return Upload(bytes(self._parts[FIELD]), self._sent(HINTS_FIELD), self._sent(REFERENCE_FIELD))

    def _sent(self, name: str) -> bytes | None:
        content = self._parts.get(name)
        if not content and name in self._files:
            raise HTTPException(422, f"{name}: the file is empty")
        return bytes(content) if content else None

    def _begin_part(self) -> None:
        self._name, self._has_file = "", False

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, parameters = parse_options_header(bytes(self._value))
            self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
            self._has_file = bool(parameters.get(b"filename"))
        self._header.clear()
        self._value.clear()

    def _check_name(self) -> None:
        if self._name not in _FIELDS:
            raise HTTPException(
                422,
                f"{MULTIPART}: the fields are {', '.join(_FIELDS)}, not {self._name!r}; "
                "options go into the query",
            )
        if self._name in self._parts:
            raise HTTPException(422, f"{MULTIPART}: the field {self._name} comes twice")
        self._content = self._parts[self._name] = bytearray()
        if self._has_file:
            self._files.add(self._name)

    def _end(self) -> None:
        self._is_complete = True
