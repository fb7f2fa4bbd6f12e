"""The commands: what they take, what they print, how they end."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.cli.video import colorize_video

from .clips import STEP, frames_of

Make = Callable[..., Path]
SMALL = ("--render-size", "64")
COMMAND = "from colorize_gan.cli.video import colorize_video; colorize_video()"


def video(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_video, [*map(str, arguments), *SMALL])


def batch(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_batch, [*map(str, arguments), *SMALL])


def test_one_file(make: Make, tmp_path: Path) -> None:
    clip, out = make(sound="aac"), tmp_path / "new" / "out.mkv"
    result = video(clip, "--out", out, "--report", tmp_path / "run.json")
    assert result.exit_code == 0, result.output
    assert len(frames_of(out)) == 30
    assert re.search(
        r"out.mkv: 30 frames; flicker: CDC 0\.\d+ -> 0\.\d+, warped error \d+\.\d+ -> 0\.\d+", result.stderr
    )
    report = json.loads((tmp_path / "run.json").read_text())
    [item] = report["items"]
    assert (report["totals"]["written"], item["status"], item["bits"]) == (1, "written", 8)
    assert item["video"]["frames"] == item["video"]["luma"]["frames"] == 30
    assert item["video"]["luma"]["min_psnr_db"] > 40
    assert set(item["video"]["flicker"]) == {"off", "on"}


def test_a_dry_run_foresees_films(make: Make, tmp_path: Path) -> None:
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    make().rename(films / "a.mp4")
    command = (films, "--out", out, "--videos")
    line = [f"{films / 'a.mp4'} -> {out / 'a.mp4'}"]
    assert batch(*command, "--dry-run").stdout.splitlines() == line
    assert not out.exists()
    assert batch(*command).exit_code == 0
    assert batch(*command, "--dry-run").stdout == ""
    assert batch(*command, "--saturation", "1.5", "--dry-run").stdout.splitlines() == line


def test_output_beside_the_input(make: Make, tmp_path: Path) -> None:
    clip = make("old.mp4")
    assert video(clip, "--out", tmp_path / "new.mp4").exit_code == 0
    assert (tmp_path / "new.mp4").exists()


def test_folder_is_mirrored(make: Make, tmp_path: Path) -> None:
    films = tmp_path / "films"
    (films / "sub").mkdir(parents=True)
    make().rename(films / "a.mp4")
    make("b.ts").rename(films / "sub" / "b.ts")
    (films / "broken.mp4").write_bytes(b"broken")
    (films / "note.txt").touch()
    result = video(films, "--out", tmp_path / "out", "--end", "0.3", "-q")
    assert result.exit_code == 3
    assert "broken.mp4: failed: damaged, cut short or not a video" in result.stderr
    assert "a.mp4" not in result.stderr
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.m*"))
    assert made == ["a.mp4", "sub/b.mkv"]
    again = video(films / "a.mp4", "--out", tmp_path / "out")
    assert (again.exit_code, "skipped: the output exists" in again.stderr) == (0, True)


def test_one_of_ten_films_cannot_be_read(make: Make, tmp_path: Path) -> None:
    films, few = tmp_path / "films", tuple(range(0, 3 * STEP, STEP))
    films.mkdir()
    key = {"encryption_key": "00" * 16, "encryption_kid": "11" * 16, "encryption_scheme": "cenc-aes-ctr"}
    avi = {"times": range(3), "time_base": Fraction(1, 25)}
    kinds = {
        "comment.mkv": {"metadata": {"COMMENT": "Reel 12"}},
        "clock.ts": {"times": tuple(time + 40000 * 12800 for time in few)},
        "drm.mp4": {"container_options": key},
        "fields.mp4": {"is_interlaced": True, "options": {"x264-params": "bff=1"}},
        "fast.mp4": {"times": (0, 27, 54), "rate": Fraction(480)},
        "grey.mov": {"codec": "png", "options": {}, "pixel_format": "gray"},
        "phone.mov": {"metadata": {"model": "Phone 6", "location": "+48.85+002.35/"}},
        "recorder.avi": {**avi, "codec": "mpeg4", "options": {"bf": "2"}},
        "sound.wmv": {"codec": "wmv2", "options": {}, "sound": "libmp3lame"},
        "timecode.mov": {"metadata": {"timecode": "01:00:00:00"}},
    }
    for name, fields in kinds.items():
        make(name, **{"times": few, **fields}).rename(films / name)
    result = video(films, "--out", tmp_path / "out", "-q")
    assert result.exit_code == 3
    [line] = result.stderr.strip().splitlines()
    assert line.endswith("drm.mp4: failed: encrypted; only its owner can give you one that is not")
    written = {path.stem for path in (tmp_path / "out").iterdir()}
    assert written == {Path(name).stem for name in kinds} - {"drm"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["IN", "--out", "new.avi"], 2, "cannot write .avi; one of .mp4, .m4v, .mov, .mkv, .webm"),
        (["IN", "--out", "IN"], 2, "is the input itself"),
        (["IN", "IN", "--out", "IN"], 2, "a file; several videos need a folder"),
        (["IN", "--out", "new.mp4", "--start", "2", "--end", "1:00"], 3, "no frame can be read there"),
        (["IN", "--out", "new.mp4", "--start", "2", "--end", "1"], 2, "--end is not after --start"),
        (["IN", "--out", "new.mp4", "--keyframes", "0"], 2, "0 is not in the range x>=1"),
        (["IN", "--out", "new.mp4", "--keyframes", "few"], 2, "'few' is not a valid integer"),
        (["IN", "--out", "new.mp4", "--start", "soon"], 2, "invalid time 'soon'"),
        (
            ["IN", "--out", "new.mkv", "--codec", "av1", "--pixel-format", "4:2:2"],
            2,
            "4:2:2: av1 has 4:2:0",
        ),
        (
            ["IN", "--out", "new.mov", "--codec", "prores", "--crf", "9"],
            2,
            "--crf: prores has no such setting",
        ),
        (["IN", "--out", "new.webm"], 3, ".webm cannot hold h264"),
        (["IN", "--out", "new.mp4", "--device", "cuda:7"], 4, "--device cuda"),
        (["IN", "--out", "new.mp4", "--model", "nosuch"], 5, "--model nosuch"),
        (["nosuch.mp4", "--out", "out"], 3, "no such file or folder"),
        (["nosuch.mp4", "--out", "in.mp4"], 3, "no such file or folder"),
    ],
)
def test_errors_are_one_line_and_a_code(
    arguments: list[str], code: int, says: str, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = make()
    result = video(*[str(clip) if argument == "IN" else argument for argument in arguments])
    assert result.exit_code == code, result.output
    assert says in result.stderr


def test_ctrl_c_prints_the_command_that_goes_on(make: Make, tmp_path: Path) -> None:
    clip = make(times=range(0, 2000 * STEP, STEP), size=(96, 64))
    target = tmp_path / "out.mp4"
    command = [sys.executable, "-c", COMMAND, str(clip), "--out", str(target), *SMALL]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    segments = tmp_path / ".colorizing-out.mp4"
    while not list(segments.glob("[0-9]*.npz")):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, says = process.communicate()
    assert process.returncode == 130
    assert "interrupted; resume with: " in says
    assert says.rstrip().endswith(shlex.join(SMALL))  # the same command
    assert list(segments.glob("[0-9]*.npz"))
    assert not target.exists()


@pytest.fixture
def mixed(make: Make, tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "mixed"
    folder.mkdir()
    cv2.imwrite(str(folder / "photo.jpg"), photo[:96, :128])
    make().rename(folder / "film.mp4")
    return folder


def test_batch_leaves_videos_with_a_hint(mixed: Path, tmp_path: Path) -> None:
    result = batch(mixed, "--out", tmp_path / "out", "-v")
    assert result.exit_code == 0
    assert "film.mp4: skipped: a video; --videos colorizes it" in result.stderr
    assert "1 written, 1 skipped, 0 failed" in result.stderr
    assert not (tmp_path / "out" / "film.mp4").exists()


def test_batch_colorizes_videos_when_asked(mixed: Path, tmp_path: Path) -> None:
    result = batch(mixed, "--out", tmp_path / "out", "--videos", "--report", tmp_path / "run.json")
    assert (result.exit_code, "2 written" in result.stderr) == (0, True)
    assert len(frames_of(tmp_path / "out" / "film.mp4")) == 30
    items = json.loads((tmp_path / "run.json").read_text())["items"]
    assert [("video" in item, item["status"]) for item in items] == [(False, "written"), (True, "written")]


def test_films_of_a_batch_are_up_to_date_as_its_photographs_are(mixed: Path, tmp_path: Path) -> None:
    command = (mixed, "--out", tmp_path / "out", "--videos")
    assert "2 written, 0 skipped, 0 failed" in batch(*command).stderr
    assert "0 written, 2 skipped, 0 failed" in batch(*command).stderr
    assert "2 written, 0 skipped, 0 failed" in batch(*command, "--saturation", "1.3").stderr


def test_going_on_needs_no_option(make: Make, tmp_path: Path) -> None:
    result = video(make(), "--out", tmp_path / "out.mp4", "--resume")
    says = "error: --resume is not needed: unfinished videos are resumed without it; remove it\n"
    assert (result.exit_code, result.stderr) == (2, says)
    assert "--resume" not in video("--help").output


def test_folder_of_videos_only_is_no_error_for_batch(make: Make, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    make().rename(films / "a.mp4")
    assert batch(films, "--out", tmp_path / "out").exit_code == 0


def test_renaming_is_not_for_videos(mixed: Path, tmp_path: Path) -> None:
    result = batch(mixed, "--out", tmp_path / "out", "--videos", "--on-exists", "rename")
    assert (result.exit_code, "rename is for images" in result.stderr) == (2, True)


def test_help_needs_nothing_heavy() -> None:
    heavy = "{'av', 'cv2', 'onnxruntime'}"
    shown = f"{COMMAND}\nfinally:\n    print(sorted({heavy} & set(sys.modules)))"
    code = f"import sys\nsys.argv = ['colorize-video', '--help']\ntry:\n    {shown}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--deflicker" in done.stdout
    assert done.stdout.rstrip().endswith("[]")


def test_comparison_takes_no_other_files_name(make: Make, tmp_path: Path) -> None:
    clip = make("old.mp4.compare.mp4")
    content = clip.read_bytes()
    result = video(clip, "--out", tmp_path / "old.mp4", "--compare")
    assert (result.exit_code, clip.read_bytes()) == (2, content)
    assert "--compare need names of their own" in result.output


def test_report_replaces_files_only(make: Make, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    result = video(make(), "--out", tmp_path / "out.mp4", "--report", tmp_path / "pipe")
    assert (result.exit_code, (tmp_path / "pipe").is_fifo()) == (2, True)
    assert "pipe: not a regular file" in result.output


@pytest.mark.parametrize(("codec", "crf", "most"), [("h264", 60, 51), ("h265", 52, 51)])
def test_quality_that_the_codec_has_not(codec: str, crf: int, most: int, make: Make, tmp_path: Path) -> None:
    result = video(make(), "--out", tmp_path / "out.mp4", "--codec", codec, "--crf", str(crf))
    assert result.exit_code == 2
    assert f"--crf {crf}: of {codec} it is 0 to {most}" in result.output


def test_videos_that_are_skipped_are_in_nobodys_way(photo: np.ndarray, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name in ("a.avi", "a.mts"):  # both would become a.mkv
        (scans / name).write_bytes(b"a video")
    cv2.imwrite(str(scans / "b.png"), photo)
    result = batch(scans, "--out", tmp_path / "out", "--limit", "1")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").glob("*.*") if path.is_file()] == ["b.png"]
    assert "skipped 2 videos: --videos colorizes them" in result.stderr


def test_sound_on_request(make: Make, tmp_path: Path) -> None:
    clip = make("in.mkv", sound="pcm_s16le", times=range(0, 3 * STEP, STEP))
    result = video(clip, "--out", tmp_path / "out.mp4", "--audio", "flac", "--subtitles", "drop")
    assert result.exit_code == 0, result.output
    assert "(pcm_s16le) became flac" in result.stderr
