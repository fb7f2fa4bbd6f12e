"""Pictures in right colours, whose colours go to what looks alike."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.color.lab import lightness_of, rgb_to_lab
from colorize_gan.core.contract import SizeRule
from colorize_gan.core.errors import UsageError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.reference import Reference, beside, read_reference

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
    plain = Colorizer(hinted["onnx"], backend="onnxruntime")
    referring = Colorizer(hinted["onnx"], backend="onnxruntime", reference=read_reference(reference_file))
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[:300, :280]
    colored = referring.colorize(grey)
    assert colored.shape == (300, 280, 3)
    assert np.abs(colored.astype(int) - plain.colorize(grey)).max() > 3
    assert np.abs(lightness_of(colored) - lightness_of(grey)).max() < 1
    assert referring.settings.items() - plain.settings.items() == {("reference", referring.reference.digest)}  # type: ignore[union-attr]


def test_a_model_without_hints_takes_no_reference(exported: dict[str, Path], reference_file: Path) -> None:
    with pytest.raises(UsageError, match="`reference`: the model tiny takes no hints; use `model`"):
        Colorizer(exported["onnx"], reference=read_reference(reference_file))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"no image", "cannot be decoded"),
        (np.full((40, 60, 3), 120, np.uint8), "it is grey or toned; give a picture in right colours"),
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

    plain, first = run(), run("--reference", str(reference_file))
    assert first != plain
    cv2.imwrite(str(reference_file), photo[::-1])
    assert run("--reference", str(reference_file)) != first
    assert run() == plain
