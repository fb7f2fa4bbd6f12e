"""Where a folder keeps a record, a film is up to date, ours or somebody else's as a photograph is."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.making import INTERRUPTED
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, frames_of

Make = Callable[..., Path]
SHORT = range(0, 3 * STEP, STEP)


def run(source: Path, target: Path, colorizer: Colorizer, **options: object) -> ItemResult:
    [result] = colorize_videos(
        [WorkItem(source, target)], colorizer, VideoOptions(**options), out=target.parent
    )
    return result


def test_film_is_up_to_date_until_something_changes(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip, target = make(times=SHORT), tmp_path / "out" / "film.mp4"
    assert run(clip, target, colorizer).status == "written"
    content = target.read_bytes()
    again = run(clip, target, colorizer, measure=True)
    assert (again.status, again.reason, again.width) == ("skipped", "up to date", 128)
    assert run(clip, target, colorizer, on_exists="error").reason == f"{target} exists"
    assert target.read_bytes() == content
    assert run(clip, target, colorizer, crf=40).status == "written"
    assert target.read_bytes() != content
    os.utime(clip, ns=(0, 5))
    assert run(clip, target, colorizer, crf=40).status == "written"
    assert run(clip, target, colorizer, crf=40).reason == "up to date"
    target.write_bytes(b"cut by hand")
    assert run(clip, target, colorizer, crf=40).status == "written"


def test_film_that_no_run_with_a_record_has_made_stays(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip, target = make(times=SHORT), tmp_path / "out" / "film.mp4"
    [first] = colorize_videos([WorkItem(clip, target)], colorizer, VideoOptions())
    content = target.read_bytes()
    left = run(clip, target, colorizer, crf=40)
    assert (first.status, left.status) == ("written", "skipped")
    assert left.reason.startswith("the output exists and no run has made it; ")
    assert target.read_bytes() == content


def test_film_of_another_input_stays(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    first, second, target = make(times=SHORT), make("b.mkv", times=SHORT), tmp_path / "out" / "film.mp4"
    assert run(first, target, colorizer).status == "written"
    refused = run(second, target, colorizer)
    assert (refused.status, f"was made from {first}" in refused.reason) == ("failed", True)


def test_film_that_was_cut_short_is_tried_again_when_its_input_changes(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(times=range(0, 30 * STEP, STEP), container_options={"movflags": "+faststart"})
    whole, target = clip.read_bytes(), tmp_path / "out" / "film.mp4"
    clip.write_bytes(whole[: len(whole) // 2])
    assert run(clip, target, colorizer).reason.startswith("cut short: ")
    content = target.read_bytes()
    again = run(clip, target, colorizer)
    assert (again.status, again.reason.startswith("the source was cut short")) == ("failed", True)
    assert target.read_bytes() == content
    clip.write_bytes(whole)
    assert run(clip, target, colorizer).status == "written"
    assert len(frames_of(target)) == 30


@pytest.mark.parametrize("on_exists", ["skip", "overwrite"])
def test_film_that_was_begun_anew_goes_on(
    on_exists: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    """What is there is the film of before, which was up to date."""
    clip, target = make(), tmp_path / "out" / "film.mp4"
    assert run(clip, target, colorizer).status == "written"
    stop, seen = threading.Event(), list[int]()
    settings = VideoOptions(on_exists="overwrite", segment_frames=8)

    def stop_late(_: Path, done: int, __: int) -> None:
        if done > 20:
            stop.set()

    item = WorkItem(clip, target)
    [result] = colorize_videos([item], colorizer, settings, out=target.parent, stop=stop, on_frame=stop_late)
    assert result.reason == INTERRUPTED
    going_on = VideoOptions(on_exists=on_exists, segment_frames=8)  # type: ignore[arg-type]
    [result] = colorize_videos(
        [item], colorizer, going_on, out=target.parent, on_frame=lambda _, done, __: seen.append(done)
    )
    assert result.status == "written"
    assert seen[0] in (9, 17)  # with the first frame of the second or third segment
    assert run(clip, target, colorizer, segment_frames=8).reason == "up to date"
