"""Pictures in right colours, whose colours go to what looks alike."""

import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.color.lab import lightness_of, rgb_to_lab
from colorize_gan.core.contract import SizeRule
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.infer import BatchOptions, Colorizer, ItemResult, colorize_folder
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.reference import Reference, beside, read_reference
from colorize_gan.infer.video.options import VideoOptions
from colorize_gan.infer.video.video import colorize_videos

from .video.clips import STEP, Recipe, packets_of, write_clip

RULE = SizeRule(multiple_of=16, minimum=32)


@pytest.fixture
def reference_file(tmp_path: Path, photo: np.ndarray) -> Path:
    path = tmp_path / "reference.png"
    cv2.imwrite(str(path), photo[..., ::-1])
    return path


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    ("shape", "picture", "joined"),
    [
        ((400, 600), (64, 96), (144, 96)),  # as it is: above
        ((400, 600), (96, 64), (160, 64)),
        ((600, 400), (64, 96), (64, 160)),
        ((600, 400), (96, 64), (96, 144)),
        ((9, 3000), (64, 64), (112, 64)),  # the least that the network takes
    ],
)
def test_the_network_sees_the_reference_beside_the_picture(
    shape: tuple[int, int], picture: tuple[int, int], joined: tuple[int, int], channels: int
) -> None:
    reference = Reference(np.full((*shape, 3), (200, 40, 40), np.uint8), "digest")
    inputs = np.random.default_rng(0).uniform(0, 1, (1, channels, *picture)).astype(np.float32)
    seen, (rows, columns) = beside(reference, inputs, RULE, saturation=2)
    assert seen.shape == (1, 4, *joined)
    np.testing.assert_array_equal(seen[:, :channels, rows, columns], inputs)
    assert not seen[:, channels:, rows, columns].any()
    lightness, ab = rgb_to_lab(reference.rgb[:1, :1])
    np.testing.assert_allclose(seen[0, :3, 0, 0], [lightness[0, 0], *ab[0, 0] / 2], atol=1e-3)
    assert seen[0, 3, 0, 0] > 0


def test_colours_come_from_the_reference_and_lightness_does_not(
    hinted: dict[str, Path], photo: np.ndarray, reference_file: Path
) -> None:
    colorizer = Colorizer(hinted["onnx"], backend="onnxruntime")
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[:300, :280]
    colored = colorizer.colorize(grey, reference=read_reference(reference_file))
    assert colored.shape == (300, 280, 3)
    assert np.abs(colored.astype(int) - colorizer.colorize(grey)).max() > 3
    assert np.abs(lightness_of(colored) - lightness_of(grey)).max() < 1


def test_a_model_without_hints_takes_no_reference(
    exported: dict[str, Path], photo: np.ndarray, reference_file: Path, tmp_path: Path
) -> None:
    colorizer, reference = Colorizer(exported["onnx"]), read_reference(reference_file)
    with pytest.raises(
        ImageError, match="it has a reference, and the model tiny takes no hints; use `model`"
    ):
        colorizer.colorize(photo, reference=reference)
    options = BatchOptions(reference=reference_file)
    with pytest.raises(UsageError, match="`reference`: the model tiny takes no references; use `model`"):
        list(colorize_folder(reference_file, tmp_path / "out", colorizer, options=options))
    film = VideoOptions(reference=reference_file)
    with pytest.raises(UsageError, match="`reference`: the model tiny takes no references; use `model`"):
        list(colorize_videos([], colorizer, film))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"no image", "cannot be decoded"),
        (np.full((40, 60, 3), 120, np.uint8), "it is grey; give a picture in right colours"),
    ],
)
def test_what_is_no_reference_is_named_in_one_line(
    content: bytes | np.ndarray | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "old.png"
    if content is not None:
        path.write_bytes(
            content if isinstance(content, bytes) else cv2.imencode(".png", content)[1].tobytes()
        )
    with pytest.raises(UsageError) as caught:
        read_reference(path)
    assert str(caught.value).startswith(f"`reference` {path}: {says}")
    assert "\n" not in str(caught.value)


def test_a_batch_colours_again_when_the_reference_changes(
    hinted: dict[str, Path], photo: np.ndarray, reference_file: Path, tmp_path: Path
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    cv2.imwrite(str(scans / "old.png"), cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[:200, :200])
    arguments = [str(scans), "--out", str(out), "--model", str(hinted["onnx"]), "--backend", "onnxruntime"]

    def run(*more: str) -> bytes:
        done = CliRunner().invoke(colorize_batch, [*arguments, *more])
        assert done.exit_code == 0, done.output
        return (out / "old.png").read_bytes()

    report = tmp_path / "report.json"
    plain, first = run(), run("--reference", str(reference_file), "--report", str(report))
    assert first != plain
    assert json.loads(report.read_text())["items"][0]["reference"] == str(reference_file)
    assert run("--reference", str(reference_file)) == first
    cv2.imwrite(str(reference_file), photo[::-1])
    assert run("--reference", str(reference_file)) != first
    assert run() == plain


def test_photographs_in_shards_have_the_reference(
    hinted: dict[str, Path], photo: np.ndarray, reference_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "old.png").write_bytes(cv2.imencode(".png", photo[:90, :90, 1])[1].tobytes())
    with tarfile.open(tmp_path / "old.tar", "w") as archive:
        archive.add(tmp_path / "old.png", "old.png")
    model = ["--model", str(hinted["onnx"]), "--backend", "onnxruntime"]
    for source, more in (("old.png", []), ("old.tar", ["--shards"])):
        arguments = [str(tmp_path / source), "--out", str(tmp_path / "out"), *model, *more]
        done = CliRunner().invoke(colorize_batch, [*arguments, "--reference", str(reference_file)])
        assert done.exit_code == 0, done.output
    with tarfile.open(tmp_path / "out" / "old.tar") as archive:
        member = archive.extractfile("old.png")
        assert member
        assert member.read() == (tmp_path / "out" / "old.png").read_bytes()


def test_scenes_of_a_film_are_coloured_again_when_the_reference_changes(
    hinted: dict[str, Path], photo: np.ndarray, reference_file: Path, tmp_path: Path
) -> None:
    recipe = Recipe(codec="ffv1", options={}, times=range(0, 4 * STEP, STEP))
    film = write_clip(tmp_path / "in.mkv", recipe, [photo[:96, :128, 1]] * 4)
    colorizer, table = Colorizer(hinted["onnx"], backend="onnxruntime"), tmp_path / "scenes.csv"

    def run(target: str, **options: Any) -> ItemResult:
        work = [WorkItem(film, tmp_path / target)]
        [result] = colorize_videos(work, colorizer, VideoOptions(codec="ffv1", **options))
        return result

    assert run("plain.mkv").reference is None
    chosen = {"reference": reference_file, "scenes": table}
    assert run("out.mkv", **chosen).reference == str(reference_file)
    assert run("out.mkv", **chosen).reason == "up to date"
    before = packets_of(tmp_path / "out.mkv", "video")
    assert before != packets_of(tmp_path / "plain.mkv", "video")
    cv2.imwrite(str(reference_file), photo[::-1])
    assert run("out.mkv", **chosen).video["kept"] == 0
    assert packets_of(tmp_path / "out.mkv", "video") != before
