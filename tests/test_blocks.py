"""The shell and Python blocks of the documents are run, on real photographs and films."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import pytest
import skimage.data

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_RUN = re.compile(r"<!-- not run: (.+) -->")
"""Stands before a block that cannot run here, with the reason."""
MOST_NOT_RUN = 16
"""One more block that is not run takes the place of another."""
LANGUAGES = ("bash", "python", "http", "json", "mermaid")
INSTALL = re.compile(r"pip install '(?:colorize-gan|\.)\[([\w,]+)\]'|pip install .*")
"""These are not run, because it is installed already; the names of extras are checked."""


class Block(NamedTuple):
    """A block of code in a document."""

    place: str
    """File and line of its first fence."""
    start: int
    """The number of that line, from 1."""
    language: str
    runs: bool
    code: list[str]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(lines, 1) if line.startswith("```")]
    for start, end in zip(fences[::2], fences[1::2], strict=True):
        language = lines[start - 1][3:]
        runs = language in ("bash", "python") and not NOT_RUN.fullmatch(lines[start - 2])
        yield Block(f"{page.name}:{start}", start, language, runs, lines[start : end - 1])


needs_bash = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="not installed: bash or curl"
)


def script_of(page: Path) -> str:
    """Join the blocks of a page that run. A line keeps its number, which the message names when it fails."""
    lines = [""] * len(page.read_text(encoding="utf-8").splitlines())
    for block in blocks(page):
        if block.runs:
            end = block.start + len(block.code)
            lines[block.start : end] = [INSTALL.sub("", line) for line in block.code]
            if block.language == "python":
                lines[block.start - 1], lines[end] = "python - << 'END'", "END"
    return "\n".join(lines) + "\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the files that the documents name: tiny, but real."""
    grey = cv2.resize(cv2.cvtColor(skimage.data.chelsea(), cv2.COLOR_RGB2GRAY), (96, 64))
    for name in ("photos/old.jpg", "old.jpg", "old.png", "album.tif", "scan.tif", "scans/box/street.tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), grey)
    for name in ("uniform.jpg", "frame.png"):
        cv2.imwrite(str(tmp_path / name), skimage.data.coffee()[..., ::-1])
    for number in range(1, 4):
        cv2.imwrite(str(tmp_path / "scans" / f"scan_{number:06d}.tif"), np.roll(grey, number, axis=1))
    for name in ("old.mp4", "old.mkv", "long.mp4", "films/first.mp4"):
        write_film(tmp_path / name, grey)
    for number in range(10):
        with tarfile.open(tmp_path / f"photos-{number:03d}.tar", "w") as shard:
            shard.add(tmp_path / "old.jpg", f"{number:04d}.jpg")
    return tmp_path


def write_film(path: Path, grey: np.ndarray) -> None:
    """Write four frames of a pan over a photograph (H, W) uint8."""
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width = grey.shape
        stream.pix_fmt = "yuv420p"
        for step in range(4):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(grey, step, axis=1), format="gray8")))
        out.mux(stream.encode())


def free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def run_blocks(page: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """Run the blocks of a page in one shell, which names the line of what fails."""
    stop = "kill $(jobs -p) 2> /dev/null || true"
    first = f"trap 'echo \"{page.name}:$LINENO: failed: $BASH_COMMAND\" >&2' ERR; trap '{stop}' EXIT"
    port = str(free_port())  # 8000 may be taken here
    code = (
        script_of(page)
        .replace(":8000/", f":{port}/")
        .replace("colorize-serve", f"colorize-serve --port {port}")
    )
    (place / "blocks.sh").write_text(first + code, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    return subprocess.run(
        ["bash", "-eu", "blocks.sh"], cwd=place, env=environment, capture_output=True, text=True
    )


@needs_bash
@pytest.mark.parametrize(
    "page", [page for page in PAGES if script_of(page).strip()], ids=lambda page: page.name
)
def test_blocks_do_what_the_documents_say(page: Path, place: Path) -> None:
    done = run_blocks(page, place)
    assert done.returncode == 0, done.stderr


@needs_bash
def test_the_line_of_a_failing_command_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```bash\ntrue\n```\n\n```bash\ntrue\nls ./missing\n```\n", encoding="utf-8")
    done = run_blocks(page, tmp_path)
    assert done.returncode != 0
    assert "page.md:9: failed: ls ./missing" in done.stderr


def test_few_blocks_are_not_run() -> None:
    marked = [
        f"{page.name}: {match[0]}"
        for page in PAGES
        for match in NOT_RUN.finditer(page.read_text(encoding="utf-8"))
    ]
    assert len(marked) <= MOST_NOT_RUN, marked


def test_blocks_have_a_language() -> None:
    found = {block.place: block.language for page in PAGES for block in blocks(page)}
    assert {place for place, language in found.items() if language not in LANGUAGES} == set()


def test_extras_to_install_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    for page in PAGES:
        for match in INSTALL.finditer(page.read_text(encoding="utf-8")):
            assert set(filter(None, (match[1] or "").split(","))) <= set(extras), f"{page.name}: {match[0]}"
