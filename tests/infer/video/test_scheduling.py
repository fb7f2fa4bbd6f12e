"""No codec changes how this process's threads are scheduled: SVT-AV1 asks for real time where it may."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of every thread")


def scheduling() -> set[tuple[Any, ...]]:
    """Policy, priority and CPUs that the threads of this process have."""
    found = set()
    for path in Path("/proc/self/task").iterdir():
        try:
            thread = int(path.name)
            priority = os.sched_getparam(thread).sched_priority
            found.add((os.sched_getscheduler(thread), priority, *sorted(os.sched_getaffinity(thread))))
        except ProcessLookupError:  # it has ended
            continue
    return found


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "prores", "ffv1"])
def test_all_threads_are_scheduled_as_before(
    codec: str, make: Callable[..., Path], colorizer: Colorizer, tmp_path: Path
) -> None:
    clip, before, seen = make(times=range(0, 8 * 512, 512)), scheduling(), set[tuple[Any, ...]]()
    target = tmp_path / "out.mov"
    if codec in ("av1", "ffv1"):
        target = tmp_path / "out.mkv"
    options = VideoOptions(codec=codec, segment_frames=4)
    item = WorkItem(clip, target)
    [result] = colorize_videos([item], colorizer, options, on_frame=lambda *_: seen.update(scheduling()))
    assert result.status == "written", result.reason
    assert seen == before
    assert scheduling() == before
