"""ONNX Runtime Web, which the page runs the model on.

It is larger than this package, so it is not part of it: the files come from npm's registry when they are
first wanted, and stay in the user's cache. Their digest is in the `package-lock.json` the page is built with.
"""

import base64
import hashlib
import http.client
import io
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_path

from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.web.site import PAGE, Site, runtime_record

_REGISTRY = "https://registry.npmjs.org"
_TIMEOUT = 60  # seconds without a byte


def find_runtime(
    archive: StrPath | None = None, page: StrPath = PAGE, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Return the folder of the runtime's files, and fill it when they are not there yet.

    Args:
        archive: the npm package as a file, for a computer without a network; None to fetch it.
        page: the page that was built for it.
        say: called with a line when something takes long.

    Raises:
        UsageError: it cannot be fetched or read, or it is not the one the page was built for.
    """
    record = runtime_record(page)
    name, version = record["name"], record["version"]
    folder = user_cache_path("colorize-gan", appauthor=False) / "web" / f"{name}-{version}"
    if all((folder / file).is_file() for file in record["files"]):
        return folder
    # npm's own variable: where there is a mirror, npm's users have set it
    registry = os.environ.get("NPM_CONFIG_REGISTRY", _REGISTRY).rstrip("/")
    url = f"{registry}/{name}/-/{name}-{version}.tgz"
    if archive is None:
        say(f"fetching {url} (33 MB), once")
    content = _fetch(url) if archive is None else Path(archive).read_bytes()
    if _integrity(content) != record["integrity"]:
        raise UsageError(f"{archive or url}: not {name} {version} as it was published (its SHA-512 differs)")
    _unpack(content, record["files"], folder)
    return folder


def open_site(
    model: StrPath, runtime: StrPath | None = None, say: Callable[[str], None] = lambda _: None
) -> Site:
    """Return the page's files.

    Args:
        model: see `find_model`.
        runtime: see `find_runtime`.
        say: called with a line when something takes long.

    Raises:
        UsageError: no page, no runtime, or not a model for it.
        ModelError: no such model.
    """
    path = find_model(model)
    if path.suffix != ".onnx":
        raise UsageError(f"`model` {model}: the page takes .onnx files")
    return Site(path, find_runtime(runtime, say=say))


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            return response.read()
    except (OSError, http.client.HTTPException, ValueError) as error:  # the last: no URL
        reason = getattr(error, "reason", error)
        raise UsageError(
            f"{url}: cannot be fetched ({reason}); get this file on a computer with a network and set "
            "`runtime` of colorize-web to it"
        ) from error


def _integrity(content: bytes) -> str:
    """Return the digest of a package as npm writes it: W3C Subresource Integrity."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _unpack(package: bytes, names: list[str], folder: Path) -> None:
    """Fill ``folder`` with these files of an npm package; it appears when it is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
            for name in names:
                file = archive.extractfile(f"package/dist/{name}")
                assert file is not None
                (Path(part) / name).write_bytes(file.read())
        shutil.rmtree(folder, ignore_errors=True)  # what lacks a file
        Path(part).rename(folder)
        Path(part).mkdir()  # for the block to remove
