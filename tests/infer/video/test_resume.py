"""A run that was stopped goes on and ends as if it had not been."""

import contextlib
import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_gan.core.errors import ModelError, VideoError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video import film, job
from colorize_gan.infer.video.making import INTERRUPTED
from colorize_gan.infer.video.options import VideoOptions, comparison_path
from colorize_gan.infer.video.segments import backend_begun_with
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, frames_of, packets_of, pan, times_of
from .test_sequences import SIZE, write_sequence

Make = Callable[..., Path]
SEGMENT = 8
SEGMENTS = "[0-9]*.npz"
SCRIPT = f"""
import sys
from pathlib import Path
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

source, target = sys.argv[1:]
options = VideoOptions(segment_frames={SEGMENT}, keyframes=2)
for result in colorize_videos([WorkItem(Path(source), Path(target))], Colorizer(render_size=64), options):
    print(result.status, result.reason)
"""


def run(source: Path, target: Path, colorizer: Colorizer, **options: object) -> ItemResult:
    settings = VideoOptions(segment_frames=SEGMENT, keyframes=2, **options)
    [result] = colorize_videos([WorkItem(source, target)], colorizer, settings)
    return result


def folder_of(target: Path) -> Path:
    return target.with_name(f".colorizing-{target.name}")


def test_an_unfinished_film_names_its_backend(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    assert backend_begun_with(target) == ""
    folder_of(target).mkdir()
    for content, name in (
        ('{"backend": "openvino", "model": "aa"}', "openvino"),
        ('{"model": "aa"}', ""),
        ("[]", ""),
        ("cut sho", ""),
    ):
        (folder_of(target) / "job.json").write_text(content)
        assert backend_begun_with(target) == name


def test_an_unfinished_film_is_resumed_on_its_backend(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ModelOptions] = []

    def refuse(options: ModelOptions) -> None:
        seen.append(options)
        raise ModelError("enough")

    monkeypatch.setattr(job, "open_colorizer", refuse)
    source, target = make(), tmp_path / "out.mp4"
    folder_of(target).mkdir()
    (folder_of(target) / "job.json").write_text('{"backend": "openvino"}')
    wanted = job.VideoJob([source], target)
    watcher: Any = None
    with pytest.raises(ModelError, match="enough"):
        job.run_videos(wanted, job.find_videos(wanted), watcher, threading.Event())
    assert [(options.begun_with, options.pictures) for options in seen] == [("openvino", None)]


def kill_at(count: int, files: str, folder: Path, script: str, *arguments: Path) -> int:
    """Kill a Python script as soon as ``count`` files match a glob in ``folder``; return how many do."""
    process = subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)])
    while len(list(folder.glob(files))) < count:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return len(list(folder.glob(files)))


def assert_same_account(one: ItemResult, two: ItemResult) -> None:
    """Both tell the same, but for the rounding of scores: 2e-9 was seen between two processes."""
    assert one.video | {"flicker": None} == two.video | {"flicker": None}
    assert one.video["flicker"].keys() == two.video["flicker"].keys()
    for smoothing, scores in one.video["flicker"].items():
        assert scores == pytest.approx(two.video["flicker"][smoothing])


def test_killed_run_resumes_to_the_same_frames(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(times=range(0, 100 * STEP, STEP), sound="aac")
    target = tmp_path / "out" / "killed.mp4"
    done = kill_at(2, SEGMENTS, folder_of(target), SCRIPT, clip, target)
    assert not target.exists()
    resumed = run(clip, target, colorizer)
    whole = tmp_path / "whole.mp4"
    uninterrupted = run(clip, whole, colorizer)
    assert 2 <= done < 100 // SEGMENT
    assert_same_account(resumed, uninterrupted)
    assert times_of(target) == times_of(clip)
    for first, second in zip(frames_of(target), frames_of(whole), strict=True):
        assert np.array_equal(first.to_ndarray(), second.to_ndarray())
    assert packets_of(target, "video") == packets_of(whole, "video")
    assert packets_of(target, "audio") == packets_of(clip, "audio")
    assert not folder_of(target).exists()


def test_sequence_that_was_killed_twice_resumes_to_the_same_bytes(
    photo: np.ndarray, colorizer: Colorizer, tmp_path: Path
) -> None:
    pattern = write_sequence(tmp_path / "in", "a%d.tif", pan(photo, SIZE, 120), 16)
    target = tmp_path / "out" / "a%d.tif"
    done = [kill_at(count, "a*.tif", target.parent, SCRIPT, pattern, target) for count in (7, 19)]
    run(pattern, target, colorizer)
    run(pattern, tmp_path / "whole" / "a%d.tif", colorizer)
    assert 7 <= done[0] < done[1] < 120
    made, whole = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("out", "whole")
    )
    assert len(made) == 120
    assert made == whole


class StopAfter:
    """An event that sets itself when it was asked often enough."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def is_set(self) -> bool:
        self.frames -= 1
        return self.frames < 0


def interrupted(clip: Path, target: Path, colorizer: Colorizer) -> None:
    settings = VideoOptions(segment_frames=SEGMENT, keyframes=2)
    [result] = colorize_videos([WorkItem(clip, target)], colorizer, settings, stop=StopAfter(34))
    assert (result.status, result.reason) == ("failed", INTERRUPTED)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"crf": 30},
            "an earlier run began it with another encoder; `on_exists` overwrite starts it again",
        ),
        (
            {"deflicker": False},
            "an earlier run began it with another deflicker; `on_exists` overwrite starts it again",
        ),
    ],
)
def test_unfinished_work_is_not_lost_by_mistake(
    changed: dict[str, object], reason: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    interrupted(clip, target, colorizer)
    segments = sorted(folder_of(target).iterdir())
    result = run(clip, target, colorizer, **changed)
    assert (result.status, result.reason) == ("failed", reason)
    assert sorted(folder_of(target).iterdir()) == segments
    assert run(clip, target, colorizer, on_exists="overwrite", **changed).status == "written"
    assert not folder_of(target).exists()


def test_what_a_killed_run_left_of_a_whole_video_goes_away(
    make: Make, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    written = list[Path]()

    def end_early(part: Path, *_: object) -> None:
        written.append(part.with_name(f"kept-{part.name}"))
        os.link(part, written[0])
        raise VideoError("killed")

    with monkeypatch.context() as killed:
        killed.setattr(film, "check_written", end_early)
        assert run(clip, target, colorizer).reason == "killed"
    written[0].rename(
        written[0].with_name(written[0].name.removeprefix("kept-"))
    )  # as if nothing ran after it
    assert run(clip, target, colorizer).status == "written"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_a_comparison_that_failed_is_written_by_the_run_that_goes_on(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    comparison_path(target).mkdir()
    assert run(clip, target, colorizer, compare=True).status == "failed"
    comparison_path(target).rmdir()
    assert run(clip, target, colorizer, compare=True).status == "written"
    assert len(frames_of(comparison_path(target))) == 30


def test_replacement_of_an_output_goes_on(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    target.write_bytes(b"old")
    settings = VideoOptions(segment_frames=SEGMENT, keyframes=2, on_exists="overwrite")
    [*_] = colorize_videos([WorkItem(clip, target)], colorizer, settings, stop=StopAfter(34))
    assert target.read_bytes() == b"old"
    assert run(clip, target, colorizer).status == "written"
    assert run(clip, target, colorizer).status == "skipped"


@pytest.mark.parametrize("ends_at", range(1, 8))
def test_clearing_away_may_end_at_any_time(
    ends_at: int, make: Make, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    unlink, cleared = Path.unlink, itertools.count(1)

    def end_early(path: Path, *, missing_ok: bool = False) -> None:
        if path.parent == folder_of(target) and target.exists() and next(cleared) >= ends_at:
            raise OSError(errno.EIO, "killed", str(path))
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", end_early)
        with contextlib.suppress(OSError):
            assert run(clip, target, colorizer).status == "failed"
    assert len(frames_of(target)) == 30
    assert run(clip, target, colorizer).status in ("written", "skipped")
    assert len(frames_of(target)) == 30


def test_output_that_exists(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    assert run(clip, target, colorizer).status == "skipped"
    assert run(clip, target, colorizer, on_exists="error").status == "failed"
    assert target.read_bytes() == b"mine"
    assert run(clip, target, colorizer, on_exists="overwrite").status == "written"
    assert len(frames_of(target)) == 30


def test_damaged_segments_are_not_gone_on_with(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip, target = make(), tmp_path / "out.mp4"
    interrupted(clip, target, colorizer)
    packets = sorted(folder_of(target).glob("[0-9]*.packets"))[0]
    packets.write_bytes(packets.read_bytes()[:-1])
    result = run(clip, target, colorizer)
    reason = (
        "an earlier run began it and what is left of it is damaged; `on_exists` overwrite starts it again"
    )
    assert (result.status, result.reason) == ("failed", reason)
    assert run(clip, target, colorizer, on_exists="overwrite").status == "written"
    assert len(frames_of(target)) == 30
