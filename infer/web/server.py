"""A server of the page for this computer."""

import errno
import shutil
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.web.site import HEADERS, Site, headers_of

HOST = "127.0.0.1"


class PageServer(ThreadingHTTPServer):
    """Serves a `Site` on the loopback address."""

    daemon_threads = True

    def __init__(self, site: Site, port: int) -> None:
        """Listen on a port; 0 for any that is free."""
        self.site = site
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is; browsers give service workers to localhost without TLS."""
        return f"http://localhost:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client go that does not wait for its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def serve_page(site: Site, port: int, stop: threading.Event, show: Callable[[str], None]) -> None:
    """Serve a page until it is to stop.

    Args:
        site: the page.
        port: see `PageServer`.
        stop: ends it.
        show: called with the address when the page is there.

    Raises:
        UsageError: the port cannot be had.
    """
    with _listen(site, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        show(server.url)
        stop.wait()
        server.shutdown()


def _listen(site: Site, port: int) -> PageServer:
    try:
        return PageServer(site, port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(f"`port` {port}: {error.strerror}; take another one, or 0 for any") from error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        if file := self._answer():
            with file.open("rb") as opened:
                shutil.copyfileobj(opened, self.wfile)

    def _answer(self) -> Path | None:
        """Send status and headers; return the file whose content is to follow."""
        file = self.server.site.find(unquote(urlsplit(self.path).path))
        if file is None:
            self._send(HTTPStatus.NOT_FOUND, {**HEADERS, "Content-Length": "0"})
            return None
        headers = headers_of(file)
        if self.headers.get("If-None-Match") == headers["ETag"]:
            del headers["Content-Length"]
            self._send(HTTPStatus.NOT_MODIFIED, headers)
            return None
        self._send(HTTPStatus.OK, headers)
        return file

    def _send(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the browser shows what matters."""
