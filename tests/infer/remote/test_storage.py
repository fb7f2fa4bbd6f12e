"""Against a server that speaks S3 on loopback."""

import io
import json
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from s3_server import BATCH, SECRET, Bucket, Endpoint, photographs, run, tree_of

from colorize_gan.infer.backends.protocol import sha256_of
from colorize_gan.infer.batch.state import usual_backend
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.remote.urls import open_url

pytest.importorskip("moto.server", reason="pip install 'moto[s3]' flask flask-cors")
pytest.importorskip("s3fs", reason="pip install 'colorize-gan[cloud]'")


def test_objects_become_what_files_become(
    bucket: Bucket, exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    model = exported["onnx"]
    (photos / ".hidden").mkdir()
    (photos / ".hidden" / "x.jpg").write_bytes(b"no")
    (photos / "notes.txt").write_bytes(b"no")
    bucket.fill(photos, "in")
    assert run(model, photos, "--out", tmp_path / "local").exit_code == 0
    done = run(model, bucket.url("in"), "--out", bucket.url("out"), "--report", tmp_path / "run.json")
    assert done.exit_code == 0, done.output
    assert bucket.tree("out") == tree_of(tmp_path / "local")
    assert "ignored 1 non-image file (.txt: 1)" in done.output
    report = (tmp_path / "run.json").read_text()
    assert SECRET not in report
    assert {item["status"] for item in json.loads(report)["items"]} == {"written"}
    assert run(model, photos, "--out", bucket.url("up")).exit_code == 0
    assert bucket.tree("up") == bucket.tree("out")
    assert run(model, bucket.url("in"), "--out", tmp_path / "down").exit_code == 0
    assert tree_of(tmp_path / "down") == bucket.tree("out")


def test_only_what_changed_is_done_again(
    bucket: Bucket, exported: dict[str, Path], photos: Path, photo: np.ndarray
) -> None:
    command = (exported["onnx"], bucket.url("in"), "--out", bucket.url("out"))
    bucket.fill(photos, "in")
    bucket.put("out/a/01.png", b"somebody's own")
    bucket.put("in/a/damaged.jpg", b"\xff\xd8no")
    assert "5 written, 1 skipped, 1 failed" in run(*command).output
    before = bucket.tree("out")
    assert "0 written, 6 skipped, 1 failed" in run(*command).output
    bucket.put("in/00.jpg", cv2.imencode(".jpg", photo[:64, :80] // 2)[1].tobytes())
    bucket.put("out/a/damaged.jpg", b"made by hand meanwhile")
    bucket.put("in/a/damaged.jpg", (photos / "00.jpg").read_bytes())
    assert "1 written, 6 skipped, 0 failed" in run(*command).output
    after = bucket.tree("out")
    assert {name for name in before if before[name] != after[name]} == {"00.jpg"}


def test_a_killed_run_goes_on(
    bucket: Bucket, exported: dict[str, Path], photo: np.ndarray, tmp_path: Path
) -> None:
    photos = photographs(tmp_path / "many", photo, 40)
    bucket.fill(photos, "in")
    model = exported["onnx"]
    command = [*BATCH, bucket.url("in"), "--out", bucket.url("out"), "--model", str(model), "-q"]
    process = subprocess.Popen(command)
    while len(bucket.names("out")) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert len(bucket.names("out")) < 40
    assert run(model, bucket.url("in"), "--out", bucket.url("out")).exit_code == 0
    assert run(model, photos, "--out", tmp_path / "local").exit_code == 0
    assert bucket.tree("out") == tree_of(tmp_path / "local")
    assert "0 written, 40 skipped" in run(model, bucket.url("in"), "--out", bucket.url("out")).output


def test_globs_and_archives_are_read(bucket: Bucket, exported: dict[str, Path], photos: Path) -> None:
    model = exported["onnx"]
    bucket.fill(photos, "in")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in photos.rglob("*.*"):
            archive.write(path, path.relative_to(photos).as_posix())
        archive.writestr("../outside.png", b"no")
    bucket.put("all.zip", content.getvalue())
    bucket.put("in/a/", b"")  # how some tools make a folder
    assert run(model, bucket.url("in/a/**/*.jpg"), "--out", bucket.url("some")).exit_code == 0
    assert bucket.names("some") == ["04.jpg", "b c/02.jpg"]
    for counts in ("3 written, 0 skipped", "0 written, 3 skipped"):  # outputs are no inputs
        assert counts in run(model, bucket.url("in/**/*.jpg"), "--out", bucket.url("in/out")).output
    assert run(model, bucket.url("in/00.jpg"), "--out", bucket.url("one")).exit_code == 0
    assert bucket.names("one") == ["00.jpg"]
    zipped = run(model, f"zip://*.png::{bucket.url('all.zip')}", "--out", bucket.url("root"))
    assert zipped.exit_code == 0, zipped.output
    assert bucket.names("root") == ["03.png"]
    whole = run(model, f"zip://::{bucket.url('all.zip')}", "--out", bucket.url("whole"))
    assert whole.exit_code == 3
    assert "a name that no folder or URL can have" in whole.output
    assert len(bucket.names("whole")) == 6
    assert open_url("file:///scans/a.jpg") == Path("/scans/a.jpg")
    bucket.put("in [2020]/scan [1].jpg", (photos / "00.jpg").read_bytes())
    for number, source in enumerate(("in [2020]", "in [2020]/scan [1].jpg", "in*/scan [[]1].jpg")):
        assert run(model, bucket.url(source), "--out", bucket.url(f"named{number}")).exit_code == 0
    assert bucket.names("named0") == bucket.names("named1") == ["scan [1].jpg"]
    assert bucket.names("named2") == ["in [2020]/scan [1].jpg"]


@pytest.mark.parametrize("time_key", ["created", "last_modified", "modificationTime", "unknown"])
def test_filesystems_call_the_time_of_an_object_differently(
    time_key: str, exported: dict[str, Path], photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    listed = MemoryFileSystem.ls

    def with_other_key(self: MemoryFileSystem, path: str, detail: bool = True, **options: Any) -> Any:
        found = listed(self, path, detail=True, **options)
        infos = [{time_key if key == "created" else key: info[key] for key in info} for info in found]
        return infos if detail else [info["name"] for info in infos]

    monkeypatch.setattr(MemoryFileSystem, "ls", with_other_key)
    command = (exported["onnx"], photos, "--out", f"memory://{time_key}/out")
    assert "6 written, 0 skipped" in run(*command).output
    assert "0 written, 6 skipped" in run(*command).output


def test_what_is_not_there_or_not_possible_is_one_line(
    bucket: Bucket, exported: dict[str, Path], photos: Path
) -> None:
    model, out = exported["onnx"], bucket.url("out")
    bucket.fill(photos, "in")
    for code, expected, *arguments in (
        (
            3,
            "s3://no-such-bucket/in: failed: no such object or bucket",
            "s3://no-such-bucket/in",
            "--out",
            out,
        ),
        (3, "failed: no images are there", bucket.url("nothing"), "--out", out),
        (3, "is inside it", bucket.url("in"), "--out", bucket.url("in/out")),
        (2, "s3://no-such-bucket/out: no such object or bucket", photos, "--out", "s3://no-such-bucket/out"),
        (2, "--on-exists rename is for folders", photos, "--out", out, "--on-exists", "rename"),
        (2, "--videos is for files", bucket.url("in"), "--out", out, "--videos"),
        (2, "an URL with a login", f"https://me:{SECRET}@host/x.png", "--out", out),
        (2, "Protocol not known: nothing", "nothing://x", "--out", out),
    ):
        result = run(model, *arguments)
        assert (result.exit_code, expected in result.output) == (code, True), result.output
        assert "Traceback" not in result.output
    assert not bucket.names("out")


def test_denied_access_is_said_before_the_work(
    bucket: Bucket, endpoint: Endpoint, exported: dict[str, Path], photos: Path
) -> None:
    bucket.fill(photos, "in")

    def open_actions(count: str) -> None:
        request = urllib.request.Request(
            f"{endpoint.url}/moto-api/reset-auth", count.encode(), {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()

    open_actions("0")
    try:
        read = run(exported["onnx"], bucket.url("in"), "--out", photos.parent / "out")
        write = run(exported["onnx"], photos, "--out", bucket.url("out"))
    finally:
        open_actions("inf")
    assert (read.exit_code, write.exit_code) == (3, 2)
    assert "access denied" in read.output
    assert f"{bucket.url('out')}: access denied" in write.output
    assert not bucket.names("out")


def test_a_run_ends_when_the_storage_is_gone_and_goes_on_later(
    bucket: Bucket, endpoint: Endpoint, exported: dict[str, Path], photo: np.ndarray, tmp_path: Path
) -> None:
    photos = photographs(tmp_path / "many", photo, 40)
    bucket.fill(photos, "in")
    command = [*BATCH, bucket.url("in"), "--out", bucket.url("out"), "--model", str(exported["onnx"])]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while len(bucket.names("out")) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    endpoint.stop()
    _, errors = process.communicate()
    assert process.returncode == 3
    assert "the storage fails: Could not connect" in errors
    assert "stopped after repeated storage errors" in errors
    endpoint.start()
    assert subprocess.run(command, check=False).returncode == 0
    assert run(exported["onnx"], photos, "--out", tmp_path / "local").exit_code == 0
    assert bucket.tree("out") == tree_of(tmp_path / "local")


def test_the_record_of_a_bucket_can_be_read_without_opening_it(
    bucket: Bucket, exported: dict[str, Path], photos: Path
) -> None:
    out = open_url(bucket.url("out"))
    assert ANYWHERE.read_record(out) == {}
    assert run(exported["onnx"], photos, "--out", bucket.url("out")).exit_code == 0
    record = ANYWHERE.read_record(out)
    assert len(record) == 6
    assert usual_backend(record, sha256_of(exported["onnx"])) == "onnxruntime"


def test_a_dry_run_of_a_bucket_foresees_the_run_and_writes_nothing(
    bucket: Bucket, exported: dict[str, Path], photos: Path
) -> None:
    command = (exported["onnx"], photos, "--out", bucket.url("out"))
    assert len(run(*command, "--dry-run").stdout.splitlines()) == 6
    assert bucket.tree("out") == {}
    assert run(*command).exit_code == 0
    before = bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"]
    assert run(*command, "--dry-run").stdout == ""
    assert len(run(*command, "--saturation", "1.5", "--dry-run").stdout.splitlines()) == 6
    assert bucket.client.list_objects_v2(Bucket=bucket.name)["Contents"] == before


def test_without_the_extra_an_url_is_refused(tmp_path: Path) -> None:
    code = "import sys; sys.modules['upath'] = None; " + BATCH[2]
    command = [sys.executable, "-c", code, "s3://bucket/in", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    needs = "needs upath, which is not installed; pip install 'colorize-gan[cloud]'"
    assert done.stderr == f"Error: s3://bucket/in: {needs}\n"


def test_runs_without_urls_load_nothing_of_it(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys, atexit; atexit.register(lambda: print({'fsspec', 'upath'} & {*sys.modules})); "
        + BATCH[2]
    )
    command = [sys.executable, "-c", code, str(photos), "--out", str(tmp_path / "out"), "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
