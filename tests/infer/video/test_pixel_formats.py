"""The samples that a codec writes: 4:2:0, 4:2:2, 4:4:4, transparency."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from colorize_gan.core.errors import UsageError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.video.codecs import ffv1_slices
from colorize_gan.infer.video.options import CodecName
from colorize_gan.infer.video.planes import plane_view

from .clips import STEP, frames_of, luma
from .test_streams import run, written

Make = Callable[..., Path]
FEW = tuple(range(0, 3 * STEP, STEP))
LARGE = (144, 272)  # DNxHR takes no smaller ones than 256 x 120

WRITTEN = {
    ("h264", "4:2:2", 8): "yuv422p",
    ("h264", "4:4:4", 10): "yuv444p10le",
    ("h265", "4:2:2", 12): "yuv422p12le",
    ("h265", "4:4:4", 8): "yuv444p",
    ("ffv1", "4:2:2", 10): "yuv422p10le",
    ("ffv1", "4:4:4", 16): "yuv444p16le",
    ("prores", "4:4:4", 8): "yuv444p12le",  # 10 bits, which FFmpeg reads as 12
    ("dnxhr", None, 8): "yuv422p",
    ("dnxhr", "4:2:2", 10): "yuv422p10le",
    ("dnxhr", "4:4:4", 8): "yuv444p10le",
}


@pytest.mark.parametrize(("codec", "samples", "bits"), WRITTEN)
def test_chroma_has_the_samples_asked_for(
    codec: str, samples: str | None, bits: int, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    form = "gray" if bits == 8 else f"gray{bits}le"
    color = {"color_range": 1, "colorspace": 1}
    clip = make("in.mkv", codec="ffv1", options={}, pixel_format=form, times=FEW, size=LARGE, color=color)
    target = tmp_path / "out.mov"
    result = written(clip, target, colorizer, codec=codec, pixel_format=samples, measure=True)
    frame = frames_of(target)[1]
    assert frame.format.name == WRITTEN[codec, samples, bits]
    chroma = plane_view(frame.planes[1], luma(frame).dtype).astype(int)
    assert np.abs(chroma - (1 << frame.format.components[0].bits - 1)).max() > chroma.max() / 40
    assert result.video["luma"]["max_mean_error"] < 0.01
    if codec == "ffv1":
        assert result.video["luma"]["max_error"] == 0


@pytest.mark.parametrize(("codec", "able"), [("av1", "4:2:0"), ("dnxhr", "4:2:2, 4:4:4")])
def test_samples_that_a_codec_lacks(
    codec: CodecName, able: str, make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as error:
        run(make(times=FEW), tmp_path / "out.mkv", colorizer, codec=codec, pixel_format="4:4:4:4")
    assert str(error.value) == f"`pixel_format` 4:4:4:4: {codec} has {able}"
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_odd_sides_that_a_codec_lacks(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make("in.mkv", codec="ffv1", options={}, size=(96, 127), times=FEW)
    result = run(clip, tmp_path / "out.mp4", colorizer, pixel_format="4:2:2")
    assert result.reason == "`pixel_format` 4:2:2: h264 cannot write its odd sides so; 4:4:4 can"


def test_dnxhr_has_the_matrix_that_its_decoders_know(
    make: Make, colorizer: Colorizer, tmp_path: Path
) -> None:
    clip = make(times=FEW, size=LARGE, color={"colorspace": 6, "color_range": 1})
    result = written(clip, tmp_path / "out.mov", colorizer, codec="dnxhr")
    assert result.note == "its colour matrix became that of BT.709, as dnxhr has it"
    assert frames_of(tmp_path / "out.mov")[0].colorspace == 1


def _with_transparency(path: Path, form: str, codec: str) -> Path:
    """Write a clip whose transparency is noise."""
    noise = np.random.default_rng(0)
    with av.open(path, "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, form
        for number in range(3):
            frame = VideoFrame(128, 96, form)
            bits = frame.format.components[0].bits
            for plane in frame.planes:
                dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
                view = plane_view(plane, dtype)
                view[...] = noise.integers(0, 1 << bits, view.shape, dtype)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("form", "codec", "kept"),
    [
        ("yuva420p", "ffv1", "yuva444p"),
        ("yuva444p10le", "ffv1", "yuva444p10le"),
        ("yuva444p10le", "prores", "yuva444p12le"),
        ("yuva420p", "prores", "yuva444p12le"),
    ],
)
def test_transparency_is_kept(form: str, codec: str, kept: str, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = _with_transparency(tmp_path / "in.mkv", form, "ffv1")
    target = tmp_path / "out.mov"
    result = written(clip, target, colorizer, codec=codec, pixel_format="4:4:4:4")
    assert "transparency" not in result.note
    for before, after in zip(frames_of(clip), frames_of(target), strict=True):
        assert after.format.name == kept
        alphas = [plane_view(frame.planes[3], luma(frame).dtype).astype(int) for frame in (before, after)]
        units = [(1 << frame.format.components[0].bits) - 1 for frame in (before, after)]
        assert np.array_equal(np.rint(alphas[1] * (units[0] / units[1])), alphas[0])


def test_rgb_keeps_its_transparency(colorizer: Colorizer, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 4), np.uint8)
    clip = tmp_path / "in.mov"
    with av.open(clip, "w") as out:
        stream = out.add_stream("png", rate=25)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "rgba"
        frame = VideoFrame.from_ndarray(pixels, format="rgba")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    written(clip, tmp_path / "out.mkv", colorizer, codec="ffv1", pixel_format="4:4:4:4")
    [frame] = frames_of(tmp_path / "out.mkv")
    assert np.array_equal(plane_view(frame.planes[3], np.dtype(np.uint8)), pixels[..., 3])


def test_what_is_opaque_stays_opaque(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    written(make(times=FEW), tmp_path / "out.mkv", colorizer, codec="ffv1", pixel_format="4:4:4:4")
    frame = frames_of(tmp_path / "out.mkv")[0]
    assert np.unique(plane_view(frame.planes[3], np.dtype(np.uint8))).tolist() == [255]


def test_transparency_that_is_left_out_is_said(colorizer: Colorizer, tmp_path: Path) -> None:
    clip = _with_transparency(tmp_path / "in.mkv", "yuva420p", "ffv1")
    result = written(clip, tmp_path / "out.mkv", colorizer)
    assert "transparency is left out; `pixel_format` 4:4:4:4 keeps it in ffv1 and prores" in result.note


@pytest.mark.parametrize("subsampling", [(2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize(("height", "width"), [(95, 127), (289, 353), (576, 719), (1081, 1921), (2160, 4096)])
def test_ffv1_takes_the_slices(height: int, width: int, subsampling: tuple[int, int]) -> None:
    form = {(2, 2): "yuv420p", (1, 2): "yuv422p", (1, 1): "yuv444p"}[subsampling]
    context = av.CodecContext.create("ffv1", "w")
    context.height, context.width, context.pix_fmt, context.time_base = height, width, form, 1
    count = ffv1_slices(height, width, subsampling)
    context.options = {"level": "3", "slices": str(count)}
    context.open()
    assert 1 <= count <= 28
