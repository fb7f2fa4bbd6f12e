"""The table of scenes: it is written, read back edited, and only what was changed is coloured again."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.video import colorize_video
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.images.decode import read_image
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, packets_of, pan, times_of, write_clip
from .test_resume import StopAfter

SIZE = (96, 128)
LENGTHS = (8, 7, 9)
HEADER = "start,end,border,strength,saturation,skip,made\n"
FIRST = "0.000,0.320,start,,,,\n0.320,0.600,cut,,,,\n0.600,0.960,cut,,,,\n"


class Network:
    """Paints all of it orange, and counts the pictures that it has seen."""

    name, device, precision, sha256 = "fake", "cpu", "fp32", ""

    def __init__(self) -> None:
        self.contract, self.seen = ModelContract("fake", "none", 64), 0

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.seen += 1
        color = np.reshape((30, 30), (1, 2, 1, 1))
        return np.broadcast_to(color, (1, 2, *inputs.shape[2:])).astype(np.float32)


@pytest.fixture
def network() -> Network:
    return Network()


def pictures(photo: np.ndarray) -> list[np.ndarray]:
    """Return the frames of three scenes: light, dark, light."""
    light, dark = pan(photo, SIZE), [(frame * 0.2 + 12).astype(np.uint8) for frame in pan(photo, SIZE)]
    return [*light[: LENGTHS[0]], *dark[: LENGTHS[1]], *light[: LENGTHS[2]]]


@pytest.fixture
def film(tmp_path: Path, photo: np.ndarray) -> Path:
    recipe = Recipe(times=range(0, sum(LENGTHS) * STEP, STEP))
    return write_clip(tmp_path / "in.mp4", recipe, pictures(photo))


def run(source: Path, target: Path, network: Network, **options: object) -> ItemResult:
    settings = VideoOptions(scenes=target.parent / "scenes.csv", segment_frames=5, **options)  # type: ignore[arg-type]
    [result] = colorize_videos([WorkItem(source, target)], Colorizer(network), settings)
    return result


def edit(target: Path, change: Callable[[list[list[str]]], None]) -> None:
    """Change the rows of the table."""
    table = target.parent / "scenes.csv"
    header, *lines = table.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    change(rows)
    table.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")


def chroma(path: Path) -> np.ndarray:
    """Return the mean distance of each frame from grey, ``(N,)``."""
    planes = np.stack([frame.to_ndarray(format="yuv444p")[1:] for frame in frames_of(path)]).astype(float)
    return np.abs(planes - 128).mean(axis=(1, 2, 3))


def scene_packets(path: Path) -> list[list[bytes]]:
    """Return the packets of each scene, which are coded one after the other."""
    packets = [content for _, content in packets_of(path, "video")]
    starts = np.cumsum((0, *LENGTHS))
    return [packets[first : first + count] for first, count in zip(starts, LENGTHS, strict=False)]


def test_table_is_written_and_says_what_there_is(film: Path, tmp_path: Path, network: Network) -> None:
    result = run(film, tmp_path / "out.mp4", network)
    assert (result.status, result.video["scenes"]) == ("written", 3)
    lines = (tmp_path / "scenes.csv").read_text().splitlines()
    assert lines[0] + "\n" == HEADER
    assert [line.rpartition(",")[0] + "," for line in lines[1:]] == FIRST.splitlines()
    assert len({line.rpartition(",")[2] for line in lines[1:]}) == 3
    assert times_of(tmp_path / "out.mp4") == times_of(film)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "ffv1"])
def test_only_the_changed_scene_is_coloured_again(
    codec: str, name: str, film: Path, tmp_path: Path, network: Network
) -> None:
    if (codec, name) == ("ffv1", "out.mp4"):
        name = "out.mov"
    target = tmp_path / name
    assert run(film, target, network, codec=codec).status == "written"
    before, seen = scene_packets(target), network.seen
    again = run(film, target, network, codec=codec)
    assert (again.status, again.reason, network.seen) == ("skipped", "up to date", seen)
    edit(target, lambda rows: rows[1].__setitem__(3, "0.5"))
    result = run(film, target, network, codec=codec)
    after = scene_packets(target)
    assert (result.status, result.video["kept"]) == ("written", 17)
    assert network.seen - seen <= LENGTHS[1]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert times_of(target) == times_of(film)
    assert run(film, target, network, codec=codec).reason == "up to date"


def test_scenes_have_colours_of_their_own(film: Path, tmp_path: Path, network: Network) -> None:
    target = tmp_path / "out.mkv"
    (tmp_path / "scenes.csv").write_text(
        "start,end,saturation,skip\n0,0.32,0.5,\n0.32,0.6,,\n0:0.6,0:00:00.96,,yes\n"
    )
    result = run(film, target, network, codec="ffv1")
    strength = chroma(target)
    (tmp_path / "plain").mkdir()
    run(film, tmp_path / "plain" / "out.mkv", network, codec="ffv1")
    plain = chroma(tmp_path / "plain" / "out.mkv")
    assert (result.video["skip"], result.video["scenes"]) == (9, 3)
    assert strength[15:].max() == 0
    assert np.array_equal(strength[8:15], plain[8:15])
    assert np.allclose(strength[:8] / plain[:8], 0.5, atol=0.1)


def test_moved_cut_changes_the_scenes_beside_it(film: Path, tmp_path: Path, network: Network) -> None:
    target = tmp_path / "out.mp4"
    run(film, target, network)
    last = scene_packets(target)[2]

    def move(rows: list[list[str]]) -> None:
        rows[0][1] = rows[1][0] = "0.2"

    edit(target, move)
    result = run(film, target, network)
    assert (result.status, result.video["kept"]) == ("written", LENGTHS[2])
    assert scene_packets(target)[2] == last


def test_scenes_of_one_who_stopped_are_gone_on_with(film: Path, tmp_path: Path, network: Network) -> None:
    target, settings = tmp_path / "out.mp4", VideoOptions(scenes=tmp_path / "scenes.csv", segment_frames=5)
    (tmp_path / "scenes.csv").write_text(HEADER + FIRST)
    stop = StopAfter(26)
    [*_] = colorize_videos([WorkItem(film, target)], Colorizer(network), settings, stop=stop)
    assert not target.exists()
    begun = sorted(path.name for path in (tmp_path / ".colorizing-out.mp4").glob("*.npz"))
    assert begun
    edit(target, lambda rows: rows[2].__setitem__(3, "0.2"))
    assert run(film, target, network).status == "written"
    whole = tmp_path / "whole" / "out.mp4"
    whole.parent.mkdir()
    (tmp_path / "scenes.csv").rename(whole.parent / "scenes.csv")
    edit(whole, lambda rows: [row.__setitem__(6, "") for row in rows] and None)
    assert run(film, whole, network).status == "written"
    assert packets_of(target, "video") == packets_of(whole, "video")


def test_what_others_made_is_left_alone(film: Path, tmp_path: Path, network: Network) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(film.read_bytes())
    result = run(film, target, network)
    assert result.status == "skipped"
    assert result.reason.startswith("the output exists and was not made with these scenes")
    assert (tmp_path / "scenes.csv").read_text() == HEADER + FIRST
    assert run(film, target, network, on_exists="error").status == "failed"
    assert target.read_bytes() == film.read_bytes()
    assert run(film, target, network, on_exists="overwrite").status == "written"


def test_images_of_other_scenes_are_not_touched(tmp_path: Path, photo: np.ndarray, network: Network) -> None:
    (tmp_path / "scans").mkdir()
    for number, frame in enumerate(pictures(photo), 1):
        cv2.imwrite(str(tmp_path / "scans" / f"scan_{number:03}.png"), frame)
    source, target = tmp_path / "scans" / "scan_%03d.png", tmp_path / "out" / "scan_%03d.png"
    target.parent.mkdir()
    assert run(source, target, network).status == "written"
    images = sorted(target.parent.glob("*.png"))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in images}
    assert (run(source, target, network).reason, len(before)) == ("up to date", 24)
    edit(target, lambda rows: rows[0].__setitem__(5, "yes"))
    result = run(source, target, network)
    changed = [path.name for path in images if (path.stat().st_mtime_ns, path.read_bytes()) != before[path]]
    assert (result.status, result.video["kept"], result.video["skip"]) == ("written", 16, 8)
    assert changed == [f"scan_{number:03}.png" for number in range(1, 9)]
    grey = read_image(images[0])
    assert np.ptp(grey, axis=2).max() <= 1
    assert run(source, target, network).reason == "up to date"


def colorized(film: Path, tmp_path: Path, text: str | bytes) -> Result:
    table = tmp_path / "scenes.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    arguments = [str(film), "--out", str(tmp_path / "out.mp4"), "--scenes", str(table), "--render-size", "64"]
    return CliRunner().invoke(colorize_video, arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column end"),
        (b"\xff\xfe\x00", "not a table in CSV"),
        ("start,end,colour\n0,1,red\n", "unknown column 'colour'; there are start, end, border"),
        ("start,start,end\n0,0,1\n", "column start is there twice"),
        ("start,border\n0,cut\n", "has no column end"),
        ("start,end\n", "has no scene; remove the file"),
        ("start,end\n0,0.96,1\n", "line 2: has more values than there are columns"),
        ("start,end\nsoon,0.96\n", "line 2: start 'soon' is no time"),
        ("start,end\n-1,0.96\n", "line 2: start '-1' is no time"),
        ("start,end,strength\n0,0.96,2\n", "line 2: strength '2' is not a number from 0 to 1"),
        ("start,end,saturation\n0,0.96,nan\n", "line 2: saturation 'nan' is not a number from 0 to 10"),
        ("start,end,saturation\n0,0.96,much\n", "line 2: saturation 'much' is not a number"),
        ("start,end,skip\n0,0.96,maybe\n", "line 2: skip 'maybe' is neither yes nor no"),
        ("start,end,border\n0,0.96,wipe\n", "line 2: border 'wipe' is none of start, cut"),
        ("start,end\n0,0.5\n0.4,0.96\n", "scene 2 overlaps the one before: it starts at 0.400 s"),
        ("start,end\n0,0.5\n0.6,0.96\n", "scene 2 leaves a gap behind the one before"),
        ("start,end\n0,0.5\n0.5,0.5\n", "scene 2 ends at 0.500 s, before it starts"),
        ("start,end\n0,7.5\n", "its scenes are from 0.000 to 7.500 s, the film from 0.000 to 0.960 s"),
        ("start,end\n0.1,0.96\n", "its scenes are from 0.100 to 0.960 s, the film from 0.000 to 0.960 s"),
        (HEADER + "0,0.96,start,,,,0123abcd-0123abcd-0123abcd\n", "was made for another film"),
    ],
)
def test_table_that_does_not_fit(text: str | bytes, message: str, film: Path, tmp_path: Path) -> None:
    result = colorized(film, tmp_path, text)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("error: --scenes ")
    assert message in line
    assert not (tmp_path / "out.mp4").exists()


def test_table_is_for_one_film(film: Path, tmp_path: Path) -> None:
    arguments = [str(film), str(film), "--out", str(tmp_path / "out"), "--scenes", str(tmp_path / "s.csv")]
    second = tmp_path / "second.mp4"
    second.write_bytes(film.read_bytes())
    result = CliRunner().invoke(colorize_video, [str(second), *arguments])
    assert (result.exit_code, result.stderr) == (2, "error: --scenes is for one film; there are several\n")
