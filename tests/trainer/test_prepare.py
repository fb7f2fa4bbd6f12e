import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.train import colorize_prepare
from colorize_gan.core.errors import DataError
from colorize_gan.trainer.photos import find_photos


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_prepare, list(map(str, arguments)))


@pytest.fixture
def images(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three photographs worth keeping, and one image for each reason not to."""
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    bgr = photo[..., ::-1]
    cv2.imwrite(str(folder / "a.png"), bgr)
    cv2.imwrite(str(folder / "sub" / "b.png"), bgr[:, ::-1])
    cv2.imwrite(str(folder / "c.jpg"), bgr[:160, :160])
    cv2.imwrite(str(folder / "z-same.jpg"), cv2.resize(bgr, None, fx=0.7, fy=0.7))
    cv2.imwrite(str(folder / "small.png"), bgr[:100, :300])
    cv2.imwrite(str(folder / "grey.png"), cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
    (folder / "broken.png").write_bytes(b"broken")
    Path(os.fsdecode(bytes(folder) + b"/tab\tand\xff.png")).write_bytes(b"broken")
    cv2.imwrite(str(folder / "long.png"), cv2.resize(bgr, (70_000, 130)))
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "thumbnail.png").write_bytes(b"broken")
    (folder / "album.jpg").mkdir()
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    return folder


def test_what_is_kept_and_what_is_not(images: Path, tmp_path: Path, photo: np.ndarray) -> None:
    result = run(images, "--out", tmp_path / "set")
    assert result.exit_code == 0, result.output
    assert "3 kept" in result.stderr
    rejected = dict(line.split("\t") for line in (tmp_path / "set" / "rejected.tsv").read_text().splitlines())
    assert {Path(path).name: reason.split(":")[0] for path, reason in rejected.items()} == {
        "z-same.jpg": "near-duplicate",
        "small.png": "too small",
        "grey.png": "grey",
        "broken.png": "undecodable",
        r"tab\tand\udcff.png": "undecodable",
        "long.png": "too long",
        "gone.jpg": "undecodable",
    }
    photos = find_photos(tmp_path / "set")
    assert [p.digest for p in photos] == sorted(p.digest for p in photos)
    assert sorted(p.read().shape for p in photos) == [(160, 160, 3), (288, 432, 3), (288, 432, 3)]
    resized = cv2.resize(photo, (432, 288), interpolation=cv2.INTER_AREA).astype(int)
    assert min(np.abs(p.read() - resized).mean() for p in photos if p.read().shape[0] == 288) < 3  # JPEG


def test_packed_set_does_not_depend_on_workers(images: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        assert run(images, "--out", tmp_path / str(workers), "--workers", str(workers)).exit_code == 0
    one, three = ((tmp_path / name / "photos.bin").read_bytes() for name in ("1", "3"))
    assert one == three


def test_nothing_to_keep_and_no_folder(images: Path, tmp_path: Path) -> None:
    result = run(images, "--out", tmp_path / "set", "--min-size", "5000")
    assert result.exit_code == 2
    assert "no colour photographs to keep" in result.stderr
    assert run(tmp_path / "gone", "--out", tmp_path / "set").exit_code == 2


@pytest.mark.parametrize("name", ["photos.bin", "photos.json"])
def test_damaged_set_is_named(images: Path, tmp_path: Path, name: str) -> None:
    run(images, "--out", tmp_path / "set")
    path = tmp_path / "set" / name
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=name):
        find_photos(tmp_path / "set")
