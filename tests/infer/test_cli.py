import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.infer.cli import colorize_batch

BATCH = [sys.executable, "-c", "from colorize_gan.infer.cli import colorize_batch; colorize_batch()"]


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(20):
        cv2.imwrite(str(folder / f"{index:02}.jpg"), photo[:64, index * 10 : index * 10 + 96])
    return folder


def run(model: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_batch, [*map(str, arguments), "--model", str(model)])


def test_three_broken_files_among_twenty(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    for name in ("03", "11", "17"):
        (photos / f"{name}.jpg").write_bytes(b"\xff\xd8broken")
    result = run(exported["onnx"], photos, "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert len(list((tmp_path / "out").iterdir())) == 17
    lines = [line for line in result.stderr.splitlines() if ": failed: " in line]
    assert [Path(line.split(":")[0]).stem for line in lines] == ["03", "11", "17"]
    assert f"17 written, 0 skipped, 3 failed, in {tmp_path / 'out'}" in result.stderr


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
        (["photos", "--backend", "torchscript"], 2, "needs onnxruntime"),
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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00.png", "01.png"]


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
    while not (out.exists() and len(list(out.iterdir())) > 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "the same command goes on from here" in stderr
    assert all(not path.name.startswith(".") for path in out.iterdir())


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
    process.communicate(timeout=30)
    assert process.returncode in (130, 0, -signal.SIGINT)  # the last: before the command has begun


def test_closed_stderr_is_no_obstacle(exported: dict[str, Path], photos: Path, tmp_path: Path) -> None:
    command = [*BATCH, photos, "--out", tmp_path / "out", "--model", exported["onnx"]]
    done = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *map(str, command)], check=False)
    assert done.returncode == 0
    assert len(list((tmp_path / "out").iterdir())) == 20


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *BATCH[1:], "--help"], capture_output=True, text=True, check=True
    )
    assert "Colorize black-and-white photographs" in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not imported & {"torch", "cv2", "numpy", "onnxruntime", "tqdm"}
