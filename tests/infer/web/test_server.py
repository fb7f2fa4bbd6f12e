import base64
import contextlib
import hashlib
import http.client
import io
import json
import signal
import tarfile
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli import web as cli
from colorize_gan.core.errors import UsageError
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.web.runtime import find_runtime
from colorize_gan.infer.web.server import PageServer
from colorize_gan.infer.web.site import Site

FILES = {"ort.mjs": b"export default 1", "ort.wasm": b"\0asm"}


def packed(files: dict[str, bytes]) -> bytes:
    """An npm package with these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


class Answer(NamedTuple):
    status: int
    headers: Message
    content: bytes


PACKAGE = packed(FILES | {"unwanted.js": b"x"})


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!DOCTYPE html>")
    (folder / "assets" / "main.js").write_text("1")
    digest = base64.b64encode(hashlib.sha512(PACKAGE).digest()).decode()
    record = {"name": "ort", "version": "1.0", "integrity": f"sha512-{digest}", "files": list(FILES)}
    (folder / "runtime.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("colorize_gan.infer.web.runtime.user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache" / "web" / "ort-1.0"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "ort-1.0.tgz"
    path.write_bytes(PACKAGE)
    return path


@pytest.fixture
def site(page: Path, archive: Path) -> Site:
    return Site(find_model("lite2"), find_runtime(archive, page), page)


@pytest.fixture
def get(site: Site) -> Iterator[Callable[..., Answer]]:
    """Ask a running server."""
    with PageServer(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()

        def ask(path: str, method: str = "GET", **headers: str) -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300)
            with contextlib.closing(connection):
                connection.request(
                    method, path, headers={key.replace("_", "-"): headers[key] for key in headers}
                )
                response = connection.getresponse()
                return Answer(response.status, response.headers, response.read())

        yield ask
        server.shutdown()
        thread.join()


def test_urls_stand_for_files(site: Site, page: Path, cache: Path) -> None:
    assert site.find("/") == page / "index.html"
    assert site.find("/assets/main.js") == page / "assets" / "main.js"
    assert site.find("/model.onnx") == find_model("lite2")
    assert site.find("/runtime/ort.wasm") == cache / "ort.wasm"


@pytest.mark.parametrize(
    "path",
    [
        *("/assets", "/nothing", "/../page/index.html", "/assets/../../ort-1.0.tgz", "//etc/passwd"),
        *("/runtime/unwanted.js", "/runtime/../ort.wasm", "/runtime/", "/\0", f"/{'a' * 300}"),
    ],
)
def test_other_urls_stand_for_nothing(site: Site, path: str) -> None:
    assert site.find(path) is None


def test_links_do_not_lead_out_of_the_page(site: Site, page: Path, archive: Path) -> None:
    (page / "out.tgz").symlink_to(archive)
    assert site.find("/out.tgz") is None


def test_answers_have_types_and_allow_threads(get: Callable[..., Answer]) -> None:
    for path, kind in (
        ("/", "text/html; charset=utf-8"),
        ("/assets/main.js", "text/javascript; charset=utf-8"),
        ("/runtime/ort.wasm", "application/wasm"),
        ("/runtime/ort.mjs", "text/javascript; charset=utf-8"),
        ("/model.onnx", "application/octet-stream"),
    ):
        answer = get(path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "connect-src" not in answer.headers["Content-Security-Policy"]  # default-src 'self' holds
        assert len(answer.content) == int(answer.headers["Content-Length"]) > 0


def test_what_a_browser_has_is_not_sent_again(get: Callable[..., Answer]) -> None:
    tag = get("/model.onnx").headers["ETag"]
    again = get("/model.onnx", If_None_Match=tag)
    assert (again.status, again.content) == (304, b"")
    assert get("/model.onnx", If_None_Match='"other"').status == 200


def test_a_head_has_no_body(get: Callable[..., Answer]) -> None:
    answer = get("/runtime/ort.mjs", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.content) == (200, "16", b"")


@pytest.mark.parametrize(("path", "method", "status"), [("/x", "GET", 404), ("/", "POST", 501)])
def test_anything_else_is_refused(get: Callable[..., Answer], path: str, method: str, status: int) -> None:
    assert get(path, method).status == status


def test_the_runtime_is_fetched_once(page: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(PACKAGE)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://mirror.example/npm/")
    said: list[str] = []
    for _ in range(2):
        assert find_runtime(page=page, say=said.append) == cache
    assert asked == ["https://mirror.example/npm/ort/-/ort-1.0.tgz"]
    assert len(said) == 1
    assert {file.name: file.read_bytes() for file in cache.iterdir()} == FILES
    (cache / "ort.wasm").unlink()  # as after a cleaner of caches
    find_runtime(page=page)
    assert (cache / "ort.wasm").read_bytes() == FILES["ort.wasm"]
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


def test_a_runtime_other_than_published_is_refused(page: Path, archive: Path, cache: Path) -> None:
    archive.write_bytes(packed(FILES | {"ort.mjs": b"evil"}))
    with pytest.raises(UsageError, match=r"ort-1\.0\.tgz: .*SHA-512"):
        find_runtime(archive, page)
    assert not cache.exists()


def test_without_a_network_the_way_out_is_said(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"ort-1\.0\.tgz: cannot be fetched .*`runtime` of colorize-web"):
        find_runtime(page=page)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.colorize_web, [*arguments, "--no-open"])


@pytest.fixture
def installed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find this page and its runtime."""
    monkeypatch.setattr("colorize_gan.infer.web.runtime.find_runtime", lambda *_, **__: site.runtime)


@pytest.mark.usefixtures("installed")
def test_the_command_serves_until_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def visit(url: str) -> None:
        opened.append(url)
        handler = signal.getsignal(signal.SIGINT)
        assert callable(handler)
        handler(signal.SIGINT, None)  # a real one ends this process where a library left a small signal stack

    monkeypatch.setattr("webbrowser.open", visit)
    result = CliRunner().invoke(cli.colorize_web, ["--port", "0"])
    assert result.exit_code == 0
    assert opened == [result.stdout.split()[0]]


@pytest.mark.usefixtures("installed")
def test_what_cannot_be_served_is_said(site: Site) -> None:
    with PageServer(site, 0) as other:
        result = run("--port", str(other.server_port))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: --port {other.server_port}: ")
    assert run("--model", "nothing").exit_code == 5
    assert run("--model", __file__).exit_code == 2


def test_a_page_that_is_not_built_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make web"):
        find_runtime(page=tmp_path)
