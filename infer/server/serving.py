"""Runs the application until a signal stops it."""

import errno
import os
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.parallel import one_thread_each
from colorize_gan.infer.server.app import create_app
from colorize_gan.infer.server.protocol import PatientProtocol
from colorize_gan.infer.server.service import Service
from colorize_gan.infer.web.site import Site

TOKEN_VARIABLE = "COLORIZE_TOKEN"
_KEEP_ALIVE = 75  # seconds; uvicorn's 5 are less than many a Retry-After


class Server(uvicorn.Server):
    """The first signal makes it refuse new work and finish what has begun. The second stops it at once."""

    def __init__(
        self,
        service: Service,
        token: str | None = None,
        site: Site | None = None,
        *,
        access_log: bool = False,
    ) -> None:
        """Prepare to serve."""
        patience = service.limits.receive_timeout
        protocol = type("Protocol", (PatientProtocol,), {"patience": patience})
        config = uvicorn.Config(
            create_app(service, token, site),
            http=protocol,
            ws="none",
            lifespan="on",
            log_level="info" if access_log else "warning",
            access_log=access_log,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=round(service.limits.time_limit + patience),
        )
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See `uvicorn.Server`; the signal is not raised again afterwards: stopping it is not an error."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
        self._service.draining = True

    async def on_tick(self, counter: int) -> bool:
        """See `uvicorn.Server`."""
        is_drained = self._service.draining and not self._service.memory.requests
        return await super().on_tick(counter) or is_drained


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        UsageError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = "is taken; choose another `port`" if _is_taken(error) else str(error)
        raise UsageError(f"`host` {host} `port` {port}: {reason}") from error


def _is_taken(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def serve(server: Server, listening: socket.socket) -> None:
    """Serve until a signal stops it."""
    with one_thread_each():
        server.run(sockets=[listening])


def read_token(path: StrPath | None) -> str | None:
    """Return the token of a file, or of the environment; None where there is neither.

    Raises:
        UsageError: it is empty, or holds what cannot go into a header.
    """
    path = Path(path) if path else None
    source = str(path) if path else TOKEN_VARIABLE
    token = path.read_text("utf-8", "replace").strip() if path else os.environ.get(TOKEN_VARIABLE)
    if token is not None and not (token and token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(f"{source}: a token is one word of printable ASCII")
    return token
