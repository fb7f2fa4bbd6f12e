"""The browser page, where it was built."""

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE = Path(__file__).parent.parent / "web" / "page"
"""Made by `make web`."""

_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
"""What browsers want before WebAssembly may have threads."""


class _Isolated(StaticFiles):
    """Files for a page that is isolated from other origins."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_ISOLATION)
        return response


def mount_page(app: FastAPI) -> None:
    """Serve the page at ``/``; without one there is nothing there."""
    if (PAGE / "index.html").is_file():
        # not mounted: a mount at / would answer for the other routes when only their method is wrong
        app.router.default = _Isolated(directory=PAGE, html=True)
