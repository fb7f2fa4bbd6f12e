import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colorize_gan.core.files.atomic import (
    PART_PREFIX,
    atomic_path,
    lasting_part,
    lasting_path,
    write_atomically,
)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(PART_PREFIX)]


def write_by(way: Callable[[Path], contextlib.AbstractContextManager[Path]]) -> Callable[[Path, bytes], None]:
    def write(target: Path, content: bytes) -> None:
        with way(target) as part:
            part.write_bytes(content)

    return write


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (write_atomically, "is-a-file/out.jpg"),
        (write_atomically, "n" * 300),
        (write_by(atomic_path), "is-a-file/out.jpg"),
        (write_by(lasting_path), "n" * 3000),
    ],
)
def test_an_error_names_the_file_that_was_asked_for(
    tmp_path: Path, write: Callable[[Path, bytes], None], name: str
) -> None:
    (tmp_path / "is-a-file").touch()
    target = tmp_path / name
    with pytest.raises(OSError) as caught:  # noqa: PT011 - of which kind, the system decides
        write(target, b"content")
    assert caught.value.filename == str(target)


def test_a_target_that_is_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out.jpg").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_atomically(tmp_path / "out.jpg", b"content")
    assert caught.value.filename == str(tmp_path / "out.jpg")
    assert not hidden(tmp_path)


def test_what_a_killed_run_left_goes_and_what_another_makes_stays(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from colorize_gan.core.files.atomic import lasting_part, lasting_path\n"
        "folder = Path(sys.argv[1])\n"
        "with lasting_path(folder / 'r.json') as part, lasting_part(folder / 'g_files') as pictures:\n"
        "    part.write_text('half'); pictures.mkdir(); (pictures / '0.jpg').touch()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert len(hidden(tmp_path)) == 4, "two parts and their locks"
    with lasting_path(tmp_path / "r.json") as first:
        first.write_text("first")
        with lasting_path(tmp_path / "r.json") as second:
            assert first.exists()
            second.write_text("second")
        assert (tmp_path / "r.json").read_text() == "second"
    with lasting_part(tmp_path / "g_files"):
        pass
    assert (tmp_path / "r.json").read_text() == "first"
    assert list(tmp_path.iterdir()) == [tmp_path / "r.json"]


def test_a_lasting_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("old")
    with pytest.raises(RuntimeError), lasting_path(tmp_path / "r.json") as part:  # noqa: PT012
        part.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [tmp_path / "r.json"]
    assert (tmp_path / "r.json").read_text() == "old"
