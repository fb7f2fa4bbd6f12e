from pathlib import Path

import pytest

from colorize_gan.core.errors import DataError
from colorize_gan.core.files.folders import GALLERY_MARK, find_images


def test_images_are_found_as_colorize_batch_finds_them(tmp_path: Path) -> None:
    """Below links, too, which may lead in circles; nothing hidden, and no thumbnails."""
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for path in (
        *(photos / "b.jpg", photos / "sub" / "a.PNG", photos / "note.txt"),
        *(photos / ".hidden.jpg", photos / ".git" / "x.png", elsewhere / "c.tif"),
        *(photos / "page_files" / GALLERY_MARK, photos / "page_files" / "000-before.jpg"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (photos / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(photos)
    names = [path.relative_to(photos).as_posix() for path in find_images(photos)]
    assert names == ["b.jpg", "link/c.tif", "sub/a.PNG"]


def test_no_images_and_no_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images \("):
        find_images(tmp_path)
    with pytest.raises(DataError, match="gone: no such folder"):
        find_images(tmp_path / "gone")
