"""The files of a server of the page: the file of each URL, and the headers to send with it.

`colorize-web` and any other server of the page use this, so the page works alike on all of them.
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath

PAGE = Path(__file__).parent / "page"
"""The page as `make web` builds it."""

MODEL_URL = "/model.onnx"
RUNTIME_URL = "/runtime/"

HEADERS = {
    # without these two browsers give a page one thread
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # that the photographs stay where they are is not a promise only: the browser holds the page to it
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
        "img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asks each time; the entity tag makes that cheap
}
"""Headers of every answer."""

_TYPES = {
    # not those of the system: on Windows a registry decides about them
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Site:
    """The files behind the page's URLs: `/`, its assets, `/model.onnx` and `/runtime/NAME`."""

    model: Path
    """A lab ONNX file with its contract."""
    runtime: Path
    """Folder of ONNX Runtime Web's files: see `colorize_gan.infer.web.runtime`."""
    page: Path = PAGE

    @cached_property
    def runtime_files(self) -> frozenset[str]:
        """Names of the files of the runtime that the page may ask for."""
        return frozenset(runtime_record(self.page)["files"])

    def find(self, path: str) -> Path | None:
        """Return the file that the decoded path of a URL, such as ``/assets/a.js``, stands for, or None."""
        if path == MODEL_URL:
            return self.model
        if path.startswith(RUNTIME_URL):
            name = path.removeprefix(RUNTIME_URL)
            return self.runtime / name if name in self.runtime_files else None
        parts = PurePosixPath(path.removeprefix("/") or "index.html").parts
        if ".." in parts or "\0" in path:
            return None
        file = self.page.joinpath(*parts)
        is_inside = file.resolve().is_relative_to(self.page.resolve())
        return file if is_inside and os.path.isfile(file) else None  # noqa: PTH113 - a name may be too long


def headers_of(file: StrPath) -> dict[str, str]:
    """Return all headers of the answer that is a file."""
    file = Path(file)
    state = file.stat()
    tag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    return HEADERS | {
        "Content-Type": _TYPES.get(file.suffix, _ANY_TYPE),
        "Content-Length": str(state.st_size),
        "ETag": tag,
    }


def runtime_record(page: StrPath = PAGE) -> dict[str, Any]:
    """Return which runtime a page was built for: its npm ``name``, ``version``, ``integrity`` and ``files``.

    Raises:
        UsageError: the page is not built.
    """
    try:
        return json.loads((Path(page) / "runtime.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"{page}: the page is not built; run: make web") from error
