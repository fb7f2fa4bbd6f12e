import contextlib
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.files.atomic import PART_PREFIX
from colorize_gan.infer.backends.openvino_backend import OpenVinoBackend
from colorize_gan.infer.batch import gallery
from colorize_gan.infer.batch.folder_state import FOLDER

BATCH = [sys.executable, "-c", "from colorize_gan.cli.batch import colorize_batch; colorize_batch()"]


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(20):
        cv2.imwrite(str(folder / f"{index:02}.jpg"), photo[:64, index * 10 : index * 10 + 96])
    return folder


def outputs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != FOLDER)


def run(model: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_batch, [*map(str, arguments), "--model", str(model)])


def test_three_broken_files_among_twenty(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    for name in ("03", "11", "17"):
        (photos / f"{name}.jpg").write_bytes(b"\xff\xd8broken")
    result = run(exported["onnx"], photos, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert len(outputs(tmp_path / "out")) == 17
    lines = [line for line in result.stderr.splitlines() if ": failed: " in line]
    assert [Path(line.split(":")[0]).stem for line in lines] == ["03", "11", "17"]
    assert f"17 written, 0 skipped, 3 failed -> {tmp_path / 'out'}" in result.stderr


def test_a_limit_is_told_as_the_option_that_sets_it(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    report, few = tmp_path / "report.json", ["--max-megapixels", "0.2"]
    result = run(
        exported["onnx"], tmp_path / "photo.png", "--out", tmp_path / "out", "--report", report, *few
    )
    expected = "600 x 400 pixels: more than --max-megapixels 0.2"
    assert result.exit_code == 3
    assert f"photo.png: failed: {expected}\n" in result.stderr
    assert json.loads(report.read_text())["items"][0]["reason"] == expected


def test_what_a_killed_run_left_of_its_report_goes(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    pages = ["--report", tmp_path / "reports" / "r.json", "--gallery", tmp_path / "reports" / "g.html"]
    arguments = [photos, "--out", tmp_path / "out", "--model", exported["onnx"], "--workers", "1", *pages]
    killed = subprocess.Popen([*BATCH, *map(str, arguments)], stderr=subprocess.DEVNULL)
    while not (tmp_path / "out" / FOLDER).exists():
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert list((tmp_path / "reports").glob(f"{PART_PREFIX}*"))
    assert run(exported["onnx"], *arguments[:-6], *pages).exit_code == 0
    assert outputs(tmp_path / "reports") == ["g.html", "r.json"]


def test_second_run_skips_what_is_done(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    assert run(exported["onnx"], photos, "--out", tmp_path / "out").exit_code == 0
    again = run(exported["onnx"], photos, "--out", tmp_path / "out")
    assert again.exit_code == 0
    assert "0 written, 20 skipped, 0 failed" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nosuch"], 3, "nosuch: failed: no such file or folder"),
        (["."], 3, "is inside it"),
        ([], 2, "Missing argument"),
        (["photos", "--device", "gpu"], 2, "--device gpu"),
        (["photos", "--device", "cuda"], 4, "--device cuda"),
        (["photos", "--backend", "torchscript"], 2, "needs onnxruntime or openvino"),
        (["photos", "--backend", "openvino", "--device", "cuda"], 4, "OpenVINO runs on the CPU"),
        (["photos", "--render-size", "50"], 2, "multiples of 32"),
        (["photos", "--strength", "1.5"], 2, "--strength"),
    ],
)
def test_bad_input_gives_one_line_and_its_code(
    exported: dict[str, Path],
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(photos.parent)
    result = run(exported["onnx"], *arguments, "--out", "out")
    assert result.exit_code == code, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not Path("out").exists()


def test_bad_model_exits_5(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_text("nothing")
    for model in (tmp_path / "bad.onnx", tmp_path / "gone.onnx"):
        result = run(model, photos, "--out", tmp_path / "out")
        assert result.exit_code == 5
        assert str(model) in result.stderr


def test_missing_input_does_not_harm_the_others(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    result = run(exported["onnx"], tmp_path / "gone", photos, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "20 written, 0 skipped, 1 failed" in result.stderr


def test_dry_run_limit_and_format(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    arguments = [photos, "--out", tmp_path / "out", "--limit", "2", "--format", "png"]
    result = run(exported["onnx"], *arguments, "--dry-run")
    assert result.stdout.splitlines() == [
        f"{photos / name}.jpg -> {tmp_path / 'out' / name}.png" for name in ("00", "01")
    ]
    assert not (tmp_path / "out").exists()
    assert run(exported["onnx"], *arguments).exit_code == 0
    assert run(exported["onnx"], *arguments, "--dry-run").stdout == ""
    assert outputs(tmp_path / "out") == ["00.png", "01.png"]


def test_fail_fast_stops_early(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    (photos / "00.jpg").write_text("broken")
    result = run(exported["onnx"], photos, "--out", tmp_path / "out", "--fail-fast", "--workers", "1")
    assert result.exit_code == 3
    assert len(list((tmp_path / "out").glob("*.jpg"))) < 5


def test_quiet_prints_nothing_but_failures(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    (photos / "00.jpg").write_text("broken")
    result = run(exported["onnx"], photos, "--out", tmp_path / "out", "--quiet")
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_ctrl_c_keeps_what_is_done_and_exits_130(
    exported: dict[str, Path], photos: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    for index in range(60):
        cv2.imwrite(str(photos / f"more{index}.png"), photo)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*BATCH, photos, "--out", out, "--model", exported["onnx"]], stderr=subprocess.PIPE, text=True
    )
    while not (out.exists() and len(outputs(out)) > 3):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]
    assert process.returncode == 130
    assert "interrupted; resume with: " in stderr
    assert not list(out.glob(f"{PART_PREFIX}*"))


@pytest.mark.parametrize("delay", [0.2, 0.35, 0.5])
def test_impatient_ctrl_c_exits_130_too(
    exported: dict[str, Path], photos: Path, tmp_path: Path, delay: float
) -> None:
    process = subprocess.Popen(
        [*BATCH, photos, "--out", tmp_path / "out", "--model", exported["onnx"], "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(delay)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, said = process.communicate()
    assert process.returncode in (130, 0, -signal.SIGINT), said  # the last: before the command has begun


def test_closed_stderr_is_no_obstacle(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    command = [*BATCH, photos, "--out", tmp_path / "out", "--model", exported["onnx"]]
    done = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *map(str, command)], check=False)
    assert done.returncode == 0
    assert len(outputs(tmp_path / "out")) == 20


def test_verbose_and_the_report_explain_the_choice_of_the_backend(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    report, few = tmp_path / "run.json", ["--device", "cpu", "--limit", "1"]
    result = run(Path("lite2"), photos, "--out", tmp_path / "out", "--report", report, "-v", *few)
    assert result.exit_code == 0
    reason = f"1 picture; a trial of other runtimes pays from {50 * (os.cpu_count() or 1)} on"
    assert f"auto takes onnxruntime: {reason}\n" in result.stderr
    assert re.search(r"^model lite2 on onnxruntime, cpu, ", result.stderr, re.MULTILINE)
    content = json.loads(report.read_text())
    assert (content["backend"], content["backend_reason"]) == ("onnxruntime", reason)
    quiet = run(Path("lite2"), photos, "--out", tmp_path / "again", *few)
    assert "auto takes" not in quiet.stderr


def test_a_folder_is_finished_on_the_backend_that_began_it(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    model, out, report = exported["onnx"], tmp_path / "out", tmp_path / "run.json"
    command = (model, photos, "--out", out, "--device", "cpu", "--report", report)
    begun = run(*command, "--limit", "3", "--backend", "openvino")
    assert begun.exit_code == 0, begun.output
    assert json.loads(report.read_text())["backend_reason"] == ""
    assert "17 written, 3 skipped" in run(*command).stderr
    content = json.loads(report.read_text())
    assert content["backend"] == "openvino"
    assert content["backend_reason"] == "the outputs that are there were made on it"
    told = run(*command, "--backend", "onnxruntime")
    assert "20 written, 0 skipped" in told.stderr  # colours are never mixed


def test_backend_with_other_colors_is_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OpenVinoBackend.run
    monkeypatch.setattr(OpenVinoBackend, "run", lambda own, inputs: real(own, inputs) + np.float32(5))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = run(Path("lite2"), photos, "--out", tmp_path / "out", "--backend", "openvino")
    assert result.exit_code == 6
    assert re.fullmatch(r"error: --backend openvino: lite2\.onnx in .*: CIEDE2000 p99 .*\n", result.stderr)


def test_report_tells_of_every_input(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    (photos / "03.jpg").write_bytes(b"broken")
    out, report = tmp_path / "out", tmp_path / "out" / "report.json"
    backend = ["--backend", "onnxruntime"]
    result = run(exported["onnx"], tmp_path / "gone", photos, "--out", out, "--report", report, *backend)
    assert result.exit_code == 3
    assert f"report: {report}" in result.stderr
    content = json.loads(report.read_text())
    assert content["schema"] == 1
    assert content["model"]["sha256"] == hashlib.sha256(exported["onnx"].read_bytes()).hexdigest()
    assert (content["backend"], content["device"], content["precision"]) == ("onnxruntime", "cpu", "fp32")
    totals = content["totals"]
    assert (totals["written"], totals["skipped"], totals["failed"]) == (19, 0, 2)
    assert totals["peak_rss_mb"] > 50
    assert set(content["stages"]) == {"decode", "preprocess", "infer", "merge", "encode"}
    assert [item["status"] for item in content["items"]].count("failed") == 2
    written = content["items"][1]
    assert written["input"] == str(photos / "00.jpg")
    assert written["output"] == str(out / "00.jpg")
    assert (written["width"], written["height"], written["bits"]) == (96, 64, 8)
    assert 0 < written["max_lightness_error"] < 3
    assert written["colorfulness"] > 0
    assert content["items"][0]["output"] is None
    assert content["items"][4]["reason"].startswith("cannot be decoded")
    again = run(exported["onnx"], photos, "--out", out, "--report", report, *backend)
    assert again.exit_code == 3
    content = json.loads(report.read_text())
    assert content["totals"]["skipped"] == 19
    expected = {**written, "status": "skipped", "reason": "up to date"}
    assert content["items"][0] == expected  # what was found out is still said


def test_thumbnails_do_not_take_the_place_of_pictures(
    exported: dict[str, Path], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "EMBED_LIMIT", 3)
    for folder in (photos, tmp_path / "out"):
        (photos / "index_files").mkdir(exist_ok=True)
        (photos / "00.jpg").rename(photos / "index_files" / "00.jpg")
        result = run(exported["onnx"], photos, "--out", tmp_path / "out", "--gallery", folder / "index.html")
        assert result.exit_code == 2
        assert "index_files: the gallery's thumbnails replace this folder" in result.stderr
        (photos / "index_files" / "00.jpg").rename(photos / "00.jpg")


@pytest.mark.parametrize("option", ["--report", "--gallery"])
def test_a_page_does_not_take_the_place_of_a_picture(
    exported: dict[str, Path], photos: Path, tmp_path: Path, option: str
) -> None:
    before = (photos / "00.jpg").read_bytes()
    for page in (photos / "00.jpg", tmp_path / "out" / "00.jpg"):
        result = run(exported["onnx"], photos, "--out", tmp_path / "out", option, page)
        assert result.exit_code == 2
        assert "need names of their own" in result.stderr
    assert (photos / "00.jpg").read_bytes() == before
    both = ["--report", tmp_path / "page", "--gallery", tmp_path / "page"]
    assert run(exported["onnx"], photos, "--out", tmp_path / "out", *both).exit_code == 2


def test_places_that_cannot_be_written_give_one_line(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for arguments in (
        ["--out", tmp_path / "file" / "out"],
        ["--out", "/proc/nowhere"],
        ["--out", tmp_path / "out", "--report", tmp_path / ("x" * 300)],
    ):
        result = run(exported["onnx"], photos, *arguments)
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith("error: ")
        assert len(result.stderr.splitlines()) == 1


def test_gallery_shows_written_skipped_and_failed(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    (photos / "03.jpg").write_bytes(b"broken")
    page = tmp_path / "out" / "index.html"
    for _ in range(2):  # the second time, all are up to date
        run(exported["onnx"], photos, "--out", tmp_path / "out", "--gallery", page)
        content = page.read_text()
        assert content.count("data:image/jpeg;base64,") == 38
        assert "cannot be decoded (damaged, truncated, or not an image)" in content


def test_changed_settings_and_inputs_are_redone(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(exported["onnx"], photos, "--out", out)
    assert "20 written" in run(exported["onnx"], photos, "--out", out, "--saturation", "1.3").stderr
    cv2.imwrite(str(photos / "07.jpg"), np.zeros((32, 32), np.uint8))
    (out / "08.jpg").unlink()
    (out / "09.jpg").write_bytes(b"cut short by a copy")
    again = run(exported["onnx"], photos, "--out", out, "--saturation", "1.3")
    assert "3 written, 17 skipped, 0 failed" in again.stderr


def test_files_that_no_run_has_made_are_left_alone(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00.jpg").write_text("mine")
    result = run(exported["onnx"], photos, "--out", tmp_path / "out", "-v")
    assert result.exit_code == 0
    assert "00.jpg: skipped: the output exists and no run has made it" in result.stderr
    assert (tmp_path / "out" / "00.jpg").read_text() == "mine"


def test_rename_writes_another_file_in_each_run(
    exported: dict[str, Path], photos: Path, tmp_path: Path
) -> None:
    arguments = [photos / "00.jpg", "--out", tmp_path / "out", "--on-exists", "rename"]
    for _ in range(3):
        assert run(exported["onnx"], *arguments).exit_code == 0
    assert outputs(tmp_path / "out") == ["00-1.jpg", "00-2.jpg", "00.jpg"]


@pytest.mark.parametrize(("choice", "colored"), [("recolor", True), ("copy", False), ("skip", False)])
def test_inputs_in_color(
    exported: dict[str, Path], photo: np.ndarray, tmp_path: Path, choice: str, colored: bool
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sepia = np.clip(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None] * [0.7, 0.85, 1.0], 0, 255)
    cv2.imwrite(str(folder / "sepia.png"), sepia.astype(np.uint8))
    cv2.imwrite(str(folder / "color.png"), photo[..., ::-1])
    out, report = tmp_path / "out", tmp_path / "report.json"
    result = run(exported["onnx"], folder, "--out", out, "--in-color", choice, "--report", report)
    assert result.exit_code == 0
    items = {Path(item["input"]).name: item for item in json.loads(report.read_text())["items"]}
    assert items["sepia.png"]["status"] == "written"
    assert items["sepia.png"]["max_lightness_error"] < 0.55
    assert items["color.png"]["status"] == ("skipped" if choice == "skip" else "written")
    if choice == "copy":
        assert (out / "color.png").read_bytes() == (folder / "color.png").read_bytes()
        assert items["color.png"]["note"] == "already in colour: copied"
    assert (items["color.png"]["max_lightness_error"] is not None) == colored


def test_copies_keep_every_byte_where_the_format_is_the_same(
    exported: dict[str, Path], photo: np.ndarray, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.jpeg", "b.JPG", "c.jpg", "d.png"):
        cv2.imwrite(str(folder / name), photo[..., ::-1])
    options = ("--in-color", "copy", "--format", "jpg")
    assert run(exported["onnx"], folder, "--out", out, *options).exit_code == 0
    copies = {path.stem: path.read_bytes() for path in out.glob("*.jpg")}
    for source in folder.iterdir():
        assert (copies[source.stem] == source.read_bytes()) == (source.suffix != ".png")


def test_skipped_says_what_an_earlier_run_left(
    exported: dict[str, Path], photo: np.ndarray, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "color.png"), photo[..., ::-1])
    command = [tmp_path / "color.png", "--out", tmp_path / "out", "-v"]
    assert run(exported["onnx"], *command).exit_code == 0
    skipped = run(exported["onnx"], *command, "--in-color", "skip")
    assert "already in colour; the output that is there stays" in skipped.output


@pytest.mark.parametrize("option", ["--report", "--gallery"])
def test_a_full_disk_under_a_page_is_one_line(
    exported: dict[str, Path], photos: Path, tmp_path: Path, option: str
) -> None:
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "from colorize_gan.cli.batch import colorize_batch; colorize_batch()\n"
    )
    (tmp_path / "in").mkdir()
    small = cv2.imread(str(photos / "00.jpg"))[:24, :24]
    for number in range(20):
        cv2.imwrite(str(tmp_path / "in" / f"{number:02}.jpg"), small)
    arguments = [tmp_path / "in", "--out", tmp_path / "out", "--model", exported["onnx"], option]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), str(tmp_path / "page.html")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "page.html: File too large" in done.stderr
    assert not (tmp_path / "page.html").exists()


def test_paths_from_standard_input_and_globs(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    (photos / "more").mkdir()
    (photos / "19.jpg").rename(photos / "more" / "00.jpg")
    listed = f"{photos / '00.jpg'}\n{photos / 'more' / '00.jpg'}\n"
    arguments = ["-", "--out", str(tmp_path / "listed"), "--model", str(exported["onnx"])]
    assert CliRunner().invoke(colorize_batch, arguments, input=listed).exit_code == 0
    assert (tmp_path / "listed" / "more" / "00.jpg").exists()
    assert CliRunner().invoke(colorize_batch, arguments, input="").exit_code == 3
    pattern = str(photos.parent / "**" / "00.jpg")
    assert run(exported["onnx"], pattern, "--out", tmp_path / "globbed").exit_code == 0
    assert (tmp_path / "globbed" / "photos" / "more" / "00.jpg").exists()
    nothing = run(exported["onnx"], str(photos / "*.gif"), "--out", tmp_path / "out")
    assert nothing.exit_code == 3
    assert "nothing matches it" in nothing.stderr


def test_batches_do_not_change_the_bytes(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    run(exported["onnx"], photos, "--out", tmp_path / "one")
    run(exported["onnx"], photos, "--out", tmp_path / "four", "--batch-size", "4", "--workers", "8")
    for name in outputs(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "four" / name).read_bytes()


def test_bar_in_a_terminal(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    (photos / "03.jpg").write_bytes(b"broken")
    read, write = pty.openpty()
    termios.tcsetwinsize(write, (24, 200))
    command = [*BATCH, photos, "--out", tmp_path / "out", "--model", exported["onnx"]]
    done = subprocess.run(command, stderr=write, check=False)
    os.close(write)
    assert done.returncode == 3
    written = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
        while chunk := os.read(read, 4096):
            written += chunk
    shown = written.decode()
    assert re.search(r"20/20 .*img/s, [\d.]+ MPix/s, 1 failed", shown)
    assert "03.jpg: failed: cannot be decoded" in shown


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *BATCH[1:], "--help"], capture_output=True, text=True, check=True
    )
    assert "Colorize black-and-white photographs" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "cv2", "numpy", "onnxruntime", "tqdm"}
