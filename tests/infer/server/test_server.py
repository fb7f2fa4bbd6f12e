import contextlib
import io
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import httpx2 as httpx
import numpy as np
import pytest
import schemathesis
import skimage.data
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from colorize_gan.cli.serve import colorize_serve
from colorize_gan.core.errors import UsageError
from colorize_gan.infer import BatchOptions, Colorizer, colorize_folder, open_backend
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.protocol import Backend
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.server import lingering, serving
from colorize_gan.infer.server.limits import Limits
from colorize_gan.infer.server.service import Service
from colorize_gan.infer.web.site import Site

SERVE = [sys.executable, "-c", "from colorize_gan.cli.serve import colorize_serve; colorize_serve()"]
PATH = "/v1/colorize"
PATIENCE = 300  # seconds, after which a test hangs; no test waits that long, however slow the machine
PATIENT = Limits(time_limit=PATIENCE, receive_timeout=PATIENCE)
JPEG = {"Content-Type": "image/jpeg"}


class GatedBackend:
    """A backend that computes when it is let."""

    def __init__(self, backend: Backend) -> None:
        self.name, self.device, self.precision = backend.name, backend.device, backend.precision
        self.contract, self.sha256 = backend.contract, backend.sha256
        self.open = threading.Event()
        self.calls = 0
        self._backend = backend

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.calls += 1
        assert self.open.wait(PATIENCE)
        return self._backend.run(inputs)


@dataclass
class Running:
    """A server on loopback."""

    client: httpx.Client
    service: Service
    server: serving.Server
    thread: threading.Thread
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def stop(self) -> None:
        self.server.handle_exit(signal.SIGTERM, None)


@contextlib.contextmanager
def running(
    colorizer: Colorizer,
    limits: Limits = PATIENT,
    token: str | None = None,
    workers: int = 1,
    site: Site | None = None,
) -> Iterator[Running]:
    listening = serving.bind("127.0.0.1", 0)
    # a small buffer, which connections inherit: what a client does not take is soon noticed
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    port = listening.getsockname()[1]
    service = Service(colorizer, limits, workers)
    server = serving.Server(service, token, site)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    until(lambda: server.started)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            yield Running(client, service, server, thread, port)
    finally:
        server.handle_exit(signal.SIGTERM, None)
        thread.join(PATIENCE)
    assert not thread.is_alive()
    assert service.memory.requests == 0
    assert service.memory.held == 0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def patient_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients on a slow machine read why they are refused before the server hangs up."""
    monkeypatch.setattr(lingering, "LINGER", PATIENCE)


@pytest.fixture(scope="module")
def backend() -> Backend:
    return open_backend(find_model("lite2"), "onnxruntime", "cpu")


@pytest.fixture(scope="module")
def colorizer(backend: Backend) -> Colorizer:
    return Colorizer(backend, render_size=32)


@pytest.fixture(scope="module")
def server(colorizer: Colorizer) -> Iterator[Running]:
    limits = replace(PATIENT, max_megabytes=1, max_megapixels=1, buffer_megabytes=8)
    with running(colorizer, limits, workers=2) as started:
        yield started


@pytest.fixture
def gated(backend: Backend) -> Iterator[GatedBackend]:
    gate = GatedBackend(backend)
    yield gate
    gate.open.set()


@pytest.fixture(scope="module")
def grey(photo: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(photo[:60, :80, 1])


@pytest.fixture(scope="module")
def jpeg(grey: np.ndarray) -> bytes:
    return encoded(grey, "JPEG")


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def header_only_png(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    zeros = chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
    return b"\x89PNG\r\n\x1a\n" + header + zeros + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("format_", "options"),
    [("keep", {}), ("png", {"strength": 0.5, "saturation": 2.0}), ("jpg", {"quality": 60})],
)
def test_answers_are_the_files_of_colorize_batch(
    server: Running,
    colorizer: Colorizer,
    grey: np.ndarray,
    photo: np.ndarray,
    tmp_path: Path,
    format_: str,
    options: dict[str, float],
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "grey.jpg").write_bytes(encoded(grey, "JPEG"))
    cv2.imwrite(str(folder / "deep.png"), grey.astype(np.uint16) * 257)
    (folder / "own.tiff").write_bytes(encoded(photo[:50, :70], "TIFF"))
    batch = BatchOptions(quality=int(options.get("quality", 95)))
    colors = colorizer.with_colors(options.get("saturation", 1), options.get("strength", 1))
    selection = Selection(suffix=None if format_ == "keep" else f".{format_}")
    results = list(colorize_folder([folder], tmp_path / "out", colors, selection=selection, options=batch))
    assert len(results) == 3
    for result in results:
        content = result.source.read_bytes()
        query = {"format": format_, **options}
        raw = server.client.post(PATH, params=query, content=content, headers=JPEG)
        form = server.client.post(PATH, params=query, files={"image": ("x", content)})
        assert result.target is not None
        assert raw.content == form.content == result.target.read_bytes()
        suffix = result.target.suffix[1:]
        assert raw.headers["content-type"] == "image/" + {"jpg": "jpeg"}.get(suffix, suffix)
        assert "infer;dur=" in raw.headers["server-timing"]


def test_any_image_type_will_do(server: Running) -> None:
    content = encoded(skimage.data.coins()[::4, ::4], "JPEG")
    for media_type in ("image/jpg", "image/heif", "image/x-odd", "Application/Octet-Stream"):
        headers = {"Content-Type": media_type, "Content-Encoding": "Identity"}
        assert server.client.post(PATH, content=content, headers=headers).status_code == 200


def test_colour_photographs_can_be_passed_on(server: Running) -> None:
    pixels = skimage.data.astronaut()[::8, ::8]
    content = encoded(pixels, "PNG")
    copied = server.client.post(PATH, params={"in_color": "copy"}, content=content, headers=JPEG)
    assert copied.content == content
    assert copied.headers["colorize-note"] == "already in colour: copied"
    other = server.client.post(
        PATH, params={"in_color": "copy", "format": "tiff"}, content=content, headers=JPEG
    )
    assert (np.asarray(Image.open(io.BytesIO(other.content))) == pixels).all()
    assert server.client.post(PATH, content=content, headers=JPEG).content != content


@pytest.mark.parametrize(
    ("query", "headers", "content", "status", "says"),
    [
        ({"strength": 2}, {}, None, 422, "strength: Input should be less than or equal to 1"),
        ({"saturation": "nan"}, {}, None, 422, "saturation: "),
        ({"format": "gif"}, {}, None, 422, "format: "),
        ({"qualty": 90}, {}, None, 422, "qualty: Extra inputs are not permitted"),
        (
            {},
            {"Content-Type": "text/plain"},
            None,
            415,
            "Content-Type: send the image as multipart/form-data",
        ),
        ({}, {"Content-Encoding": "gzip"}, None, 415, "Content-Encoding"),
        ({}, {"Content-Type": "multipart/form-data"}, None, 422, "no boundary"),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--\r\n", 422, "image is missing"),
        (
            {},
            {"Content-Type": "multipart/form-data; boundary=x"},
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc',
            422,
            "cut short",
        ),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}, b"nonsense", 422, "not valid"),
        ({}, {}, b"", 422, "the image is empty"),
        ({}, {}, b"GIF89a", 415, "not an image of a format that can be colorized (jpg"),
        ({}, {}, b"\xff\xd8\xff broken", 422, "cannot be decoded"),
        ({}, {}, encoded(np.zeros((4, 4), np.uint8), "PNG"), 422, "too small to colorize"),
        ({}, {}, header_only_png(60_000, 60_000), 413, "60000 x 60000 pixels: more than max_megapixels 1"),
        ({}, {}, bytes(1_000_001), 413, "more than 1 megabytes"),
    ],
)
def test_what_cannot_be_done_has_a_status_and_a_reason(
    server: Running,
    jpeg: bytes,
    query: dict[str, str],
    headers: dict[str, str],
    content: bytes | None,
    status: int,
    says: str,
) -> None:
    body = jpeg if content is None else content
    answer = server.client.post(PATH, params=query, headers=JPEG | headers, content=body)
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


def test_no_answer_names_an_option_of_a_command(server: Running, photo: np.ndarray) -> None:
    """They say what to send, not how the server is to be started."""
    clear = io.BytesIO()
    Image.fromarray(np.dstack([photo[:64, :64], np.full((64, 64), 9, np.uint8)])).save(clear, "PNG")
    for content, query in ((header_only_png(60_000, 60_000), {}), (clear.getvalue(), {"format": "jpg"})):
        answer = server.client.post(PATH, params=query, headers=JPEG, content=content)
        assert answer.status_code in (413, 422)
        assert "--" not in answer.json()["detail"]


def test_the_schema_tells_the_limits_of_this_server(server: Running) -> None:
    too_large = server.client.get("/openapi.json").json()["paths"][PATH]["post"]["responses"]["413"]
    assert too_large["description"] == "more than 1 megabytes, or more than 1 megapixels"


def test_a_form_has_an_image_and_perhaps_hints(server: Running, jpeg: bytes) -> None:
    other = server.client.post(PATH, files={"photo": jpeg})
    assert (other.status_code, "not 'photo'" in other.text) == (422, True)
    twice = server.client.post(PATH, files=[("image", jpeg), ("image", jpeg)])
    assert (twice.status_code, "image comes twice" in twice.text) == (422, True)
    option = server.client.post(PATH, files={"image": jpeg}, data={"format": "png"})
    assert (option.status_code, "options go into the query" in option.text) == (422, True)


def test_without_a_format_the_content_decides_and_no_name(server: Running, jpeg: bytes) -> None:
    answer = server.client.post(PATH, files={"image": ("old.png", jpeg, "image/png")})
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == server.client.post(PATH, content=jpeg, headers=JPEG).content


def test_hints_colour_as_they_do_in_a_folder(hinted: dict[str, Path], jpeg: bytes, tmp_path: Path) -> None:
    colorizer = Colorizer(hinted["onnx"])
    (tmp_path / "old.jpg").write_bytes(jpeg)
    hints = b'{"schema": 1, "points": [{"x": 0.5, "y": 0.5, "color": "red"}]}'
    (tmp_path / "old.jpg.hints.json").write_bytes(hints)
    [result] = colorize_folder(tmp_path / "old.jpg", tmp_path / "out", colorizer)
    assert result.hints == 1
    with running(colorizer) as server:
        answer = server.client.post(PATH, files={"hints": hints, "image": jpeg})
        assert answer.content == (tmp_path / "out" / "old.jpg").read_bytes()
        assert server.client.post(PATH, files={"image": jpeg}).content != answer.content


@pytest.mark.parametrize("field", ["hints", "reference"])
def test_a_field_of_a_form_that_was_left_empty_is_not_given(server: Running, jpeg: bytes, field: str) -> None:
    def send(disposition: str) -> httpx.Response:
        head = b"--x\r\nContent-Disposition: form-data; name="
        parts = [head + f'"{field}"{disposition}\r\n\r\n'.encode(), head + b'"image"\r\n\r\n' + jpeg]
        body = b"\r\n".join(parts) + b"\r\n--x--\r\n"
        media = {"content-type": "multipart/form-data; boundary=x"}
        return server.client.post(PATH, content=body, headers=media)

    alone = server.client.post(PATH, files={"image": jpeg})
    for disposition in ("", '; filename=""', '; filename=""\r\nContent-Type: application/octet-stream'):
        assert send(disposition).content == alone.content
    refused = send('; filename="chosen"')
    assert (refused.status_code, refused.json()) == (422, {"detail": f"{field}: the file is empty"})


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        (b"{", "hints: not JSON"),
        (b'{"schema": 1, "points": [{"x": 2, "y": 0, "color": "red"}]}', "hints: point 1: x is 2"),
        (b'{"schema": 1, "points": [{"x": 0, "y": 0, "color": "red"}]}', "the model lite2 takes none"),
    ],
)
def test_hints_that_cannot_be_used_are_refused(server: Running, jpeg: bytes, hints: bytes, says: str) -> None:
    answer = server.client.post(PATH, files={"image": jpeg, "hints": hints})
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.text


def test_a_reference_gives_the_colours_that_it_does_in_a_folder(
    hinted: dict[str, Path], jpeg: bytes, photo: np.ndarray, tmp_path: Path
) -> None:
    colorizer = Colorizer(hinted["onnx"])
    (tmp_path / "old.jpg").write_bytes(jpeg)
    reference = encoded(photo[60:120, 80:160], "PNG")
    (tmp_path / "reference.png").write_bytes(reference)
    options = BatchOptions(reference=tmp_path / "reference.png")
    [result] = colorize_folder(tmp_path / "old.jpg", tmp_path / "out", colorizer, options=options)
    assert result.reference
    with running(colorizer, replace(PATIENT, max_megabytes=1, max_megapixels=0.01)) as server:
        plain = server.client.post(PATH, files={"image": jpeg})
        answer = server.client.post(PATH, files={"reference": reference, "image": jpeg})
        assert answer.content == (tmp_path / "out" / "old.jpg").read_bytes() != plain.content
        for content, says in [
            (b"no picture", "reference: cannot be decoded"),
            (b"", "reference: the file is empty"),
            (jpeg, "reference: it is grey; give a picture in right colours"),
            (encoded(photo[:120, :120], "PNG"), "reference: 120 x 120 pixels: more than max_megapixels 0.01"),
            (header_only_png(60_000, 60_000), "reference: 60000 x 60000 pixels: more than"),
        ]:
            refused = server.client.post(PATH, files={"image": jpeg, "reference": content})
            detail = refused.json()["detail"]
            assert (refused.status_code, detail.startswith(says)) == (422, True), refused.text
        large = server.client.post(PATH, files={"image": jpeg, "reference": bytes(1_000_000)})
        assert (large.status_code, large.json()["detail"]) == (413, "more than 1 megabytes")
        assert server.client.post(PATH, files={"image": jpeg}).content == plain.content  # it goes on


def test_a_model_without_hints_refuses_a_reference(server: Running, jpeg: bytes, photo: np.ndarray) -> None:
    reference = encoded(photo[60:120, 80:160], "PNG")
    answer = server.client.post(PATH, files={"image": jpeg, "reference": reference})
    assert (answer.status_code, "the model lite2 takes no hints" in answer.text) == (422, True), answer.text
    content = server.client.get("/openapi.json").json()["paths"][PATH]["post"]["requestBody"]["content"]
    form = content["multipart/form-data"]
    assert form["schema"]["properties"]["reference"]["format"] == "binary"
    assert "image/jpeg" in form["encoding"]["reference"]["contentType"]


def raw_post(*headers: str, body: bytes = b"") -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", "Content-Type: image/jpeg", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Return the status, 0 where the server hung up without one, and all that came."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            answer += chunk
    return int(answer.split()[1]) if answer else 0, answer


def test_ten_gigabytes_announced_are_refused_unread(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGER", 0.1)
    with server.connect() as connection:
        length = 10_000_000_000
        connection.sendall(raw_post(f"Content-Length: {length}", body=bytes(1000)))
        status, answer = read_answer(connection)
    assert status == 413
    assert b"connection: close" in answer.lower()


def test_an_endless_body_is_refused_where_the_limit_is(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(raw_post("Transfer-Encoding: chunked"))
        sent = 0
        while not select.select([connection], [], [], 0)[0]:
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 0x10000
            assert sent < 100_000_000
        connection.sendall(b"0\r\n\r\n")
        assert read_answer(connection)[0] == 413
    assert sent > 1_000_000


def test_slow_clients_are_given_up(
    colorizer: Colorizer, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "LINGER", 0.1)

    def status_of_half_a_body() -> int:
        with server.connect() as connection:
            connection.sendall(raw_post("Content-Length: 99", body=b"abc"))
            return read_answer(connection)[0]

    with running(colorizer, Limits(receive_timeout=0.3)) as server:
        with server.connect() as connection:
            connection.sendall(b"POST /v1/col")
            assert connection.recv(1) == b""
        # on a slow machine the clients of the test are slow, too
        until(lambda: status_of_half_a_body() == 408)
        until(lambda: server.client.post(PATH, content=jpeg, headers=JPEG).status_code == 200)


def test_a_client_that_takes_nothing_of_its_answer_is_given_up(gated: GatedBackend) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (500, 600), np.uint8)
    content = encoded(noise, "PNG")
    with running(Colorizer(gated, render_size=32)) as server, socket.socket() as connection:
        connection.settimeout(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(raw_post(f"Content-Length: {len(content)}", body=content))
        until(lambda: gated.calls)
        server.server.config.http.patience = 0.3  # only now: the photograph may take longer to come
        gated.open.set()
        until(lambda: server.service.memory.requests == 0)
        answer = read_answer(connection)[1]
    length = int(re.findall(rb"content-length: (\d+)", answer)[0])
    assert len(answer) < length


def test_a_full_queue_and_a_killed_client(gated: GatedBackend, jpeg: bytes) -> None:
    request = raw_post(f"Content-Length: {len(jpeg)}", body=jpeg)
    with running(Colorizer(gated, render_size=32), replace(PATIENT, queue=2)) as server:
        pool = server.service.pool
        clients = [server.connect() for _ in range(3)]
        for number, connection in enumerate(clients):
            connection.sendall(request)
            until(lambda: pool.unfinished == number + 1)  # noqa: B023
        refused = server.client.post(PATH, content=jpeg, headers=JPEG)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        clients[2].close()
        until(lambda: pool.unfinished == 2)
        gated.open.set()
        for connection in clients[:2]:
            connection.settimeout(PATIENCE)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.close()
        assert server.client.post(PATH, content=jpeg, headers=JPEG).status_code == 200
        text = server.client.get("/metrics").text
    assert gated.calls == 3
    for line in ('{status="200"} 3.0', '{status="429"} 1.0', '{status="499"} 1.0'):
        assert f"colorize_requests_total{line}" in text
    assert "colorize_waiting 0.0" in text


def test_the_time_limit(gated: GatedBackend, jpeg: bytes) -> None:
    with running(Colorizer(gated, render_size=32), replace(PATIENT, time_limit=0.2)) as server:
        late = server.client.post(PATH, content=jpeg, headers=JPEG)
        assert (late.status_code, late.json()["detail"]) == (503, "not done within 0.2 seconds")
        assert "Retry-After" in late.headers
        gated.open.set()
        until(lambda: server.service.pool.unfinished == 0)


def test_all_bodies_together_are_bounded(gated: GatedBackend) -> None:
    padded = b"\xff\xd8\xff" + bytes(900_000)
    limits = replace(PATIENT, max_megabytes=1, buffer_megabytes=1)
    with running(Colorizer(gated, render_size=32), limits) as server, server.connect() as connection:
        connection.sendall(raw_post("Content-Length: 900004", body=padded))  # a byte is missing: it stays
        until(lambda: server.service.memory.held == len(padded))  # or the other would come before it
        assert server.client.post(PATH, content=padded, headers=JPEG).status_code == 429
        connection.close()
        until(lambda: server.client.post(PATH, content=padded, headers=JPEG).status_code == 422)


def test_told_to_stop_it_finishes_what_has_begun(gated: GatedBackend, jpeg: bytes) -> None:
    answers = []
    with running(Colorizer(gated, render_size=32)) as server:
        post = threading.Thread(
            target=lambda: answers.append(server.client.post(PATH, content=jpeg, headers=JPEG))
        )
        post.start()
        until(lambda: gated.calls)
        assert server.client.get("/readyz").json()["status"] == "ready"
        server.stop()
        for method, path in (("GET", "/readyz"), ("POST", PATH)):
            refused = server.client.request(method, path, headers=JPEG, content=jpeg)
            assert (refused.status_code, "stopping" in refused.text) == (503, True)
            assert "Retry-After" in refused.headers
        assert server.client.get("/healthz").status_code == 200
        gated.open.set()
        post.join(PATIENCE)
        server.thread.join(PATIENCE)
        assert not server.thread.is_alive()
    assert answers[0].status_code == 200


def test_the_token(colorizer: Colorizer, jpeg: bytes) -> None:
    with running(colorizer, token="right") as server:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}):
            refused = server.client.post(PATH, content=jpeg, headers=JPEG | headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert server.client.get("/metrics").status_code == 401
        assert server.client.get("/healthz").status_code == 200
        allowed = server.client.post(PATH, content=jpeg, headers=JPEG | {"Authorization": "Bearer right"})
        assert allowed.status_code == 200


def test_where_the_token_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serving.TOKEN_VARIABLE, raising=False)
    assert serving.read_token(None) is None
    monkeypatch.setenv(serving.TOKEN_VARIABLE, "abc")
    assert serving.read_token(None) == "abc"
    (tmp_path / "token").write_text("def\n")
    assert serving.read_token(tmp_path / "token") == "def"
    (tmp_path / "latin").write_bytes(b"d\xe9f")
    with pytest.raises(UsageError, match="latin: a token is one word"):
        serving.read_token(tmp_path / "latin")
    (tmp_path / "token").write_text("\n")
    with pytest.raises(UsageError, match="token: a token is one word"):
        serving.read_token(tmp_path / "token")


def test_the_page_is_beside_the_api(colorizer: Colorizer, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>page</p>")
    (tmp_path / "runtime.json").write_text('{"files": ["ort.wasm"]}')
    (tmp_path / "ort.wasm").write_bytes(b"wasm")
    site = Site(find_model("lite2"), runtime=tmp_path, page=tmp_path)
    with running(colorizer, site=site) as server:
        answer = server.client.get("/")
        assert answer.text == "<p>page</p>"
        assert server.client.get("/", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
        assert server.client.get("/runtime/ort.wasm").headers["Content-Type"] == "application/wasm"
        assert server.client.get("/model.onnx").content == find_model("lite2").read_bytes()
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert server.client.get("/nosuch.js").status_code == 404
        assert server.client.get("/healthz").json() == {"status": "ok"}
        assert server.client.get(PATH).status_code == 405


def test_schemathesis_finds_nothing(server: Running, grey: np.ndarray) -> None:
    kinds = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF", "image/webp": "WEBP"}
    kinds |= {
        "image/bmp": "BMP",
        "image/avif": "AVIF",
        "image/heic": "PNG",
        "application/octet-stream": "PNG",
    }
    for media, kind in kinds.items():
        schemathesis.openapi.media_type(media, st.just(encoded(grey, kind)))
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    tested = []
    for operation in (result.ok() for result in schema.get_all_operations()):

        @settings(max_examples=5, deadline=None, derandomize=True, database=None)
        @given(operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            case.call_and_validate()

        check()
        tested.append(operation.path)
    assert sorted(tested) == ["/healthz", "/metrics", "/readyz", PATH]


def test_sigterm_is_no_error(jpeg: bytes) -> None:
    options = ["--port", "0", "--backend", "onnxruntime", "--render-size", "32"]
    environment = os.environ | {"COLORIZE_TOKEN": "secret"}
    with subprocess.Popen([*SERVE, *options], stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            address = re.search(
                r"model lite2 on onnxruntime, cpu, fp16-weights: (http://127\.0\.0\.1:\d+)\n", line
            )
            assert address, line
            headers = JPEG | {"Authorization": "Bearer secret"}
            answer = httpx.post(address[1] + PATH, content=jpeg, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_wrong_usage_is_one_line() -> None:
    with serving.bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        for arguments, says in (
            (["--port", port], f"--port {port}: is taken"),
            (["--host", "nosuch.invalid"], "--host nosuch.invalid"),
            (["--max-megabytes", "1000"], "--buffer-megabytes 512: less than --max-megabytes 1000"),
            (["--time-limit", "inf"], "--time-limit inf: not a finite number"),
        ):
            result = CliRunner().invoke(colorize_serve, arguments)
            assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
            assert says in result.stderr


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys; sys.modules['uvicorn'] = None; " + SERVE[-1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: needs uvicorn, which is not installed; pip install 'colorize-gan[serve]'\n"
