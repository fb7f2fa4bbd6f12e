"""Answering before the whole body has come, so that the client gets to read the answer."""

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER = 2.0  # seconds


class Lingering:
    """Middleware: after an early answer, takes and drops what the client still sends, for a short time.

    Closing at once would reset the connection, and with it the answer that the client has not read yet
    (RFC 9112, section 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        unread = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        waits = "expect" in headers  # for leave to send its body
        if not unread:
            await self._app(scope, receive, send)
            return

        async def counted_receive() -> Message:
            nonlocal unread, waits
            message = await receive()
            unread, waits = message.get("more_body", False), False
            return message

        async def patient_send(message: Message) -> None:
            if unread and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and unread and not waits:
                await send({**message, "more_body": True})
                message = {"type": "http.response.body", "body": b""}
                await _drop(receive)
            await send(message)

        await self._app(scope, counted_receive, patient_send)


async def _drop(receive: Receive) -> None:
    try:
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
