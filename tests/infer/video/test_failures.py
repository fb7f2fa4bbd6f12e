"""A film that ends badly, however, is one line; the next one is done."""

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from colorize_gan.core.errors import ModelError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video import film
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.source import Clip
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, frames_of, write_packets

Make = Callable[..., Path]


def test_no_exception_of_one_film_ends_the_run(
    make: Make, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FaultyPipeline(film.FramePipeline[VideoFrame, VideoFrame]):
        def __init__(self, read: Any, clip: Clip, *arguments: Any) -> None:
            if clip.path.stem == "a":
                raise ZeroDivisionError("by zero")
            super().__init__(read, clip, *arguments)

    monkeypatch.setattr(film, "FramePipeline", FaultyPipeline)
    films = [make(name, times=range(0, 3 * STEP, STEP)) for name in ("a.mp4", "b.mp4")]
    items = [WorkItem(film, tmp_path / "out" / film.name) for film in films]
    first, second = colorize_videos(items, colorizer, VideoOptions())
    assert (first.status, second.status) == ("failed", "written")
    assert first.reason == "a fault of this program (ZeroDivisionError: by zero); report it with the video"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.mp4"]


def test_a_model_that_fails_ends_the_run(
    make: Make, colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("gone")

    monkeypatch.setattr(colorizer, "predict", fail)
    items = [WorkItem(make(), tmp_path / "out.mp4")]
    with pytest.raises(ModelError) as caught:
        list(colorize_videos(items, colorizer, VideoOptions()))
    assert caught.tb is not None  # it keeps all that the run has left
    names = [thread.name.partition("_")[0] for thread in threading.enumerate()]
    assert not {"prepare", "look", "merge"} & set(names)


@pytest.mark.parametrize(("orientation", "turned"), [(1, 0), (6, -90), (5, -90)])
def test_motion_jpeg_with_exif(
    orientation: int, turned: int, colorizer: Colorizer, tmp_path: Path, photo: np.ndarray
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", orientation
    content = io.BytesIO()
    Image.fromarray(photo[:64, :96]).save(content, "JPEG", exif=exif)
    clip = write_packets(tmp_path / "in.mov", "mjpeg", "yuvj420p", (64, 96), [content.getvalue()] * 3)
    [result] = colorize_videos([WorkItem(clip, tmp_path / "out.mov")], colorizer, VideoOptions())
    assert (result.status, result.reason) == ("written", "")
    frames = frames_of(tmp_path / "out.mov")
    assert [frame.rotation for frame in frames] == [turned] * 3
    if orientation == 5:  # mirrored, too
        matrix = np.frombuffer(frames[0].side_data["DISPLAYMATRIX"], np.int32)
        assert matrix[[1, 3]].tolist() == [65536, 65536]
