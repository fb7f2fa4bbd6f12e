"""The browser page, beside the API."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from colorize_gan.infer.web.site import Site, headers_of


def add_page(app: FastAPI, site: Site) -> None:
    """Answer with the site's files where there is no other route."""
    not_found = app.router.default

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        file = site.find(scope["path"]) if is_read else None
        if file is None:
            await not_found(scope, receive, send)
            return
        headers = headers_of(file)
        if Request(scope).headers.get("If-None-Match") == headers["ETag"]:
            del headers["Content-Length"]
            await Response(status_code=304, headers=headers)(scope, receive, send)
        else:
            await FileResponse(file, headers=headers)(scope, receive, send)

    # not mounted: a mount at / would answer for the other routes when only their method is wrong
    app.router.default = answer
