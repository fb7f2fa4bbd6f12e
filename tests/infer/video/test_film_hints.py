"""Hints of a film: each follows the picture through its scene, and decides about no other one."""

import json
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.video import colorize_video
from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import UsageError
from colorize_gan.core.images.decode import read_image
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.results import ItemResult
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .clips import STEP, Recipe, frames_of, packets_of, write_clip
from .test_resume import SEGMENTS, folder_of, kill_at

SIZE = (96, 128)
SIDE, SPEED = 32, 2
LENGTH = 20
RED, CUT = "#ff0000", LENGTH / 25


class Painter:
    """Paints the hints that it is given, and nothing else."""

    name, device, precision, sha256 = "fake", "cpu", "fp32", ""

    def __init__(self) -> None:
        self.contract = ModelContract("fake", "none", 96, takes_hints=True)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        hints = inputs[:, 1:] if inputs.shape[1] > 1 else np.zeros((1, 3, *inputs.shape[2:]), np.float32)
        return hints[:, :2] * hints[:, 2:]


def corner(frame: int) -> int:
    """Return the first column of the square."""
    return 10 + SPEED * frame


def moving(photo: np.ndarray, frames: Sequence[int] = range(LENGTH)) -> list[np.ndarray]:
    """Return frames of a light square, a crop of the photograph, that moves to the right over another one."""
    grey = photo.mean(axis=2)
    ground, square = 40 + grey[40:136, 60:188] * 0.3, 120 + grey[200 : 200 + SIDE, 300 : 300 + SIDE] * 0.4
    pictures = []
    for frame in frames:
        picture = ground.copy()
        picture[30 : 30 + SIDE, corner(frame) : corner(frame) + SIDE] = square
        pictures.append(picture.astype(np.uint8))
    return pictures


def other_scene(photo: np.ndarray) -> list[np.ndarray]:
    still = (16 + photo.mean(axis=2)[200:296, 100:228] * 0.8).astype(np.uint8)
    return [255 - still] * LENGTH


def film_of(path: Path, pictures: Sequence[np.ndarray], **fields: Any) -> Path:
    recipe = Recipe(codec="ffv1", options={}, times=range(0, len(pictures) * STEP, STEP), **fields)
    return write_clip(path, recipe, pictures)


def point(frame: int, **fields: Any) -> dict[str, Any]:
    """Return a point in the middle of the square, at a frame."""
    x, y = (corner(frame) + SIDE / 2) / SIZE[1], (30 + SIDE / 2) / SIZE[0]
    return {"x": x, "y": y, "color": RED, "time": frame / 25} | fields


def hints_of(folder: Path, *points: dict[str, Any], **others: Any) -> Path:
    path = folder / "hints.json"
    path.write_text(json.dumps({"schema": 1, "points": points} | others))
    return path


def run(source: Path, target: Path, model: Any, **options: Any) -> ItemResult:
    options = {"codec": "ffv1", "pixel_format": "4:4:4", "segment_frames": 5} | options
    colorizer = Colorizer(model, backend="onnxruntime")
    [result] = colorize_videos([WorkItem(source, target)], colorizer, VideoOptions(**options))
    return result


def chroma(path: Path) -> np.ndarray:
    """Return Cb and Cr of each frame, ``(N, 2, H, W)``; 0 is grey."""
    return np.stack([frame.to_ndarray(format="yuv444p")[1:] for frame in frames_of(path)]).astype(int) - 128


def reds(path: Path) -> np.ndarray:
    """Return how red each frame of a film is, ``(N, H, W)``."""
    return chroma(path)[:, 1]


def middles(red: np.ndarray) -> np.ndarray:
    """Return column and row of the middle of what is red, ``(N, 2)``."""
    rows, columns = np.mgrid[: red.shape[1], : red.shape[2]]
    mass = red.sum(axis=(1, 2))
    return np.stack([(red * columns).sum(axis=(1, 2)) / mass, (red * rows).sum(axis=(1, 2)) / mass], axis=1)


@pytest.mark.parametrize("frame", [0, 7, LENGTH - 1])
def test_hint_follows_the_picture_both_ways(frame: int, tmp_path: Path, photo: np.ndarray) -> None:
    film, target = film_of(tmp_path / "in.mkv", moving(photo)), tmp_path / "out.mkv"
    result = run(film, target, Painter(), hints=hints_of(tmp_path, point(frame)), deflicker=False)
    assert (result.status, result.hints) == ("written", 1), result.reason
    red = reds(target)
    wanted = [(corner(n) + SIDE / 2, 30 + SIDE / 2) for n in range(LENGTH)]
    assert np.abs(middles(red) - wanted).max() < 2
    assert red.max(axis=(1, 2)).min() > 0.9 * red.max()


def test_hint_ends_at_a_cut(tmp_path: Path, photo: np.ndarray) -> None:
    pictures = [*other_scene(photo), *moving(photo), *other_scene(photo)]
    film, target = film_of(tmp_path / "in.mkv", pictures), tmp_path / "out.mkv"
    hints = hints_of(tmp_path, point(3, time=CUT + 3 / 25))
    result = run(film, target, Painter(), hints=hints, deflicker=False)
    is_red = reds(target).any(axis=(1, 2)).tolist()
    assert (result.video["scenes"], is_red) == (3, [False] * LENGTH + [True] * LENGTH + [False] * LENGTH)


def test_hint_fades_where_its_place_is_covered(tmp_path: Path, photo: np.ndarray) -> None:
    pictures, bar = moving(photo, range(32)), slice(62, 110)
    for picture in pictures:
        picture[:, bar] = 30 + np.arange(SIZE[0])[:, None] % 7
    film, target = film_of(tmp_path / "in.mkv", pictures), tmp_path / "out.mkv"
    run(film, target, Painter(), hints=hints_of(tmp_path, point(4)), deflicker=False)
    red = reds(target)
    strength = red.max(axis=(1, 2)) / red.max()
    is_behind = np.array([corner(n) >= bar.start for n in range(32)])
    assert strength[:15].min() > 0.9
    assert not strength[is_behind].any()
    assert (np.diff(strength[15:]) < 0.02).all()
    assert ((strength > 0.1) & (strength < 0.9)).sum() >= 3
    assert red[:, :, bar.start + 4 : bar.stop].max() < 0.1 * red.max()


def test_only_the_scene_of_a_hint_is_another(
    hinted: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    film = film_of(tmp_path / "in.mkv", [*moving(photo, range(8)), *other_scene(photo)[:8]])
    hints = hints_of(tmp_path, point(5))
    for name, chosen in {"plain": None, "one": hints, "two": hints}.items():
        assert run(film, tmp_path / f"{name}.mkv", hinted["onnx"], hints=chosen).status == "written"
    plain, one = chroma(tmp_path / "plain.mkv"), chroma(tmp_path / "one.mkv")
    assert all((plain[n] != one[n]).any() for n in range(8))
    assert np.array_equal(plain[8:], one[8:])
    assert packets_of(tmp_path / "one.mkv", "video") == packets_of(tmp_path / "two.mkv", "video")


def test_key_frames_take_the_hints_along(tmp_path: Path, photo: np.ndarray) -> None:
    film, target = film_of(tmp_path / "in.mkv", moving(photo)), tmp_path / "out.mkv"
    result = run(film, target, Painter(), hints=hints_of(tmp_path, point(6)), keyframes=4)
    red = reds(target)
    assert (result.video["predict"], result.video["move"]) == (5, 15)
    assert red.max(axis=(1, 2)).min() > 0.5 * red.max()


SCRIPT = """
import sys
from pathlib import Path
from colorize_gan.infer import Colorizer
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

source, target, hints, model = map(Path, sys.argv[1:])
options = VideoOptions(codec="ffv1", pixel_format="4:4:4", segment_frames=5, hints=hints)
[*_] = colorize_videos([WorkItem(source, target)], Colorizer(model, backend="onnxruntime"), options)
"""


def test_killed_run_resumes_to_the_same_bytes(
    hinted: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    film = film_of(tmp_path / "in.mkv", [*moving(photo), *other_scene(photo)])
    hints = hints_of(tmp_path, point(15), {"x": 0.3, "y": 0.4, "color": "blue", "time": "0:00:01"})
    killed, whole = tmp_path / "killed.mkv", tmp_path / "whole.mkv"
    done = kill_at(2, SEGMENTS, folder_of(killed), SCRIPT, film, killed, hints, hinted["onnx"])
    assert not killed.exists()
    for target in (killed, whole):
        assert run(film, target, hinted["onnx"], hints=hints).status == "written"
    assert 2 <= done < 2 * LENGTH // 5
    assert packets_of(killed, "video") == packets_of(whole, "video")


def test_unfinished_film_with_other_hints_is_left_alone(tmp_path: Path, photo: np.ndarray) -> None:
    film, target = film_of(tmp_path / "in.mkv", moving(photo)), tmp_path / "out.mkv"
    begun = VideoOptions(codec="ffv1", segment_frames=5, hints=hints_of(tmp_path, point(5)))
    stop = threading.Event()
    [*_] = colorize_videos(
        [WorkItem(film, target)],
        Colorizer(Painter()),
        begun,
        stop=stop,
        on_frame=lambda video, done, total: stop.set() if done > 7 else None,
    )
    assert folder_of(target).exists()
    chosen = {"hints": hints_of(tmp_path, point(5, color="blue")), "pixel_format": None}
    result = run(film, target, Painter(), **chosen)
    assert (
        result.reason == "an earlier run began it with another hints; `on_exists` overwrite starts it again"
    )
    assert run(film, target, Painter(), on_exists="overwrite", **chosen).status == "written"


def test_table_has_only_scenes_of_changed_hints_coloured_again(tmp_path: Path, photo: np.ndarray) -> None:
    film = film_of(tmp_path / "in.mkv", [*moving(photo), *other_scene(photo), *moving(photo)])
    target, table = tmp_path / "out.mkv", tmp_path / "scenes.csv"
    first, second = point(5), point(2, time=2 * CUT + 0.2)

    def again(*points: dict[str, Any]) -> ItemResult:
        return run(film, target, Painter(), scenes=table, hints=hints_of(tmp_path, *points), deflicker=False)

    assert again(first).status == "written"
    assert again(first | {"note": "from the owner"}).reason == "up to date"
    before = reds(target)
    assert again(first, second).video["kept"] == 2 * LENGTH
    after = reds(target)
    assert np.array_equal(before[: 2 * LENGTH], after[: 2 * LENGTH])
    assert before[2 * LENGTH :].max() < 3
    assert after[2 * LENGTH :].max(axis=(1, 2)).min() > 60
    assert again(second).video["kept"] == 2 * LENGTH
    assert not reds(target)[:LENGTH].any()


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_places_are_those_of_the_upright_picture(
    rotation: int, turns: int, tmp_path: Path, photo: np.ndarray
) -> None:
    pictures = [np.ascontiguousarray(np.rot90(picture, -turns)) for picture in moving(photo, range(6))]
    size = pictures[0].shape
    film = film_of(tmp_path / "in.mp4", pictures, rotation=rotation, size=size)
    hints, target = hints_of(tmp_path, point(2), width=SIZE[1], height=SIZE[0]), tmp_path / "out.mkv"
    assert run(film, target, Painter(), hints=hints, deflicker=False).status == "written"
    red = np.rot90(reds(target), turns, axes=(1, 2))
    assert np.abs(middles(red) - [(corner(n) + SIDE / 2, 30 + SIDE / 2) for n in range(6)]).max() < 2


def test_times_of_a_sequence_are_those_of_its_rate(tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "scans").mkdir()
    for number, picture in enumerate([*moving(photo, range(6)), *other_scene(photo)[:6]], 1):
        cv2.imwrite(str(tmp_path / "scans" / f"scan_{number:03}.png"), picture)
    source, target = tmp_path / "scans" / "scan_%03d.png", tmp_path / "out" / "scan_%03d.png"
    hints = hints_of(tmp_path, point(3, time=0.35))
    with pytest.raises(UsageError, match="a sequence tells no rate; set `fps`"):
        run(source, target, Painter(), hints=hints)
    result = run(source, target, Painter(), hints=hints, fps=Fraction(10), pixel_format=None)
    assert (result.status, result.hints) == ("written", 1)
    images = [read_image(target.with_name(f"scan_{number:03}.png")) for number in range(1, 13)]
    assert [np.ptp(image, axis=2).max() > 60 for image in images] == [True] * 6 + [False] * 6


def test_hint_at_a_flash_is_refused(tmp_path: Path, photo: np.ndarray) -> None:
    pictures = moving(photo)
    pictures[8] = np.clip(pictures[8].astype(int) + 120, 16, 235).astype(np.uint8)
    film, target = film_of(tmp_path / "in.mkv", pictures), tmp_path / "out.mkv"
    with pytest.raises(UsageError, match=r"point 2, at 0.320 s, is at a damaged frame, a flash or an insert"):
        run(film, target, Painter(), hints=hints_of(tmp_path, point(3), point(8)))
    assert not target.exists()
    assert not folder_of(target).exists()


def test_record_knows_the_hints(tmp_path: Path, photo: np.ndarray) -> None:
    film, out = film_of(tmp_path / "in.mkv", moving(photo, range(3))), tmp_path / "out"

    def status(*points: dict[str, Any]) -> str:
        options = VideoOptions(codec="ffv1", hints=hints_of(tmp_path, *points))
        work = [WorkItem(film, out / "out.mkv")]
        [result] = colorize_videos(work, Colorizer(Painter()), options, out=out)
        return result.status

    assert [status(point(1)), status(point(1)), status(point(2))] == ["written", "skipped", "written"]


@pytest.fixture
def film(tmp_path: Path, photo: np.ndarray) -> Path:
    return film_of(tmp_path / "in.mkv", moving(photo, range(10)))


def colorized(film: Path, text: str, *others: str) -> Result:
    path = film.parent / "hints.json"
    path.write_text(text)
    return invoked(str(film), "--out", str(film.parent / "out.mkv"), "--hints", str(path), *others)


def invoked(*arguments: str) -> Result:
    return CliRunner().invoke(colorize_video, [*arguments, "--backend", "onnxruntime"])


def content(*points: dict[str, Any], **others: Any) -> str:
    return json.dumps({"schema": 1, "points": points} | others)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", 'no object with "schema" and a list of "points"'),
        (content({"x": 0.5, "y": 0.5, "color": RED}), 'point 1: no object with "x", "y", "color" and "time"'),
        (content(point(1), point(2, color="mud")), "point 2: color is 'mud': give a CSS colour"),
        (content(point(1, time="soon")), "point 1: time is 'soon': give seconds, or 1:02:03.5"),
        (content(point(1, time=-1)), "point 1: time is -1: give seconds"),
        (content(point(1, time=True)), "point 1: time is True: give seconds"),
        (content(point(1), point(1)), "point 2: at the place of point 1; remove one"),
        (content(*[point(1)] * 1001), "1001 points; 1000 are the most"),
        (content(point(3), point(10)), "point 2, at 0.400 s, is outside of the film, 0.000 to 0.400 s"),
        (content(point(3), width=96, height=128), "hints for 96 x 128 pixels, not for 128 x 96"),
    ],
)
def test_hints_that_cannot_be_used(text: str, message: str, film: Path, hinted: dict[str, Path]) -> None:
    result = colorized(film, text, "--model", str(hinted["onnx"]))
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: --hints {film.parent / 'hints.json'}: ")
    assert message in line
    assert not (film.parent / "out.mkv").exists()


def test_hint_in_a_skipped_scene_is_refused(film: Path, hinted: dict[str, Path]) -> None:
    table = film.parent / "scenes.csv"
    table.write_text("start,end,skip\n0,0.2,\n0.2,0.4,yes\n")
    others = ["--model", str(hinted["onnx"]), "--scenes", str(table)]
    result = colorized(film, content(point(4), point(5)), *others)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "point 2, at 0.200 s, is in a scene that --scenes skips" in result.stderr


def test_model_without_hints_is_refused(film: Path) -> None:
    model = Painter()
    model.contract = ModelContract("plain", "none", 96)
    with pytest.raises(
        UsageError, match=r"`hints` .*: the model plain takes no hints; use `model` dinov2-small"
    ):
        run(film, film.with_name("out.mkv"), model, hints=hints_of(film.parent, point(4)))
    assert not film.with_name("out.mkv").exists()


def test_hints_are_for_one_film(film: Path) -> None:
    second = film.with_name("second.mkv")
    second.write_bytes(film.read_bytes())
    result = invoked(str(film), str(second), "--out", str(film.parent / "out"), "--hints", "hints.json")
    assert (result.exit_code, result.stderr) == (2, "error: --hints is for one film; there are several\n")


def test_report_does_not_replace_the_hints(film: Path) -> None:
    text = content(point(4))
    result = colorized(film, text, "--report", str(film.with_name("hints.json")))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "need names of their own" in result.stderr
    assert film.with_name("hints.json").read_text() == text


def test_file_of_hints_that_is_not_there_is_named(film: Path, hinted: dict[str, Path]) -> None:
    arguments = [str(film), "--out", str(film.with_name("out.mkv")), "--model", str(hinted["onnx"])]
    result = invoked(*arguments, "--hints", "nowhere.json")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --hints nowhere.json: cannot be read (No such file or directory)\n",
    )
