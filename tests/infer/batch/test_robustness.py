"""What must not go wrong on 50,000 files: damage, kills, awkward names, full disks, runs side by side."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from colorize_gan.infer import BatchOptions, Colorizer, colorize_folder
from colorize_gan.infer.batch.folder_state import FOLDER

BATCH = [sys.executable, "-c", "from colorize_gan.cli.batch import colorize_batch; colorize_batch()"]
MUTANTS = 2000
KILLS = 20
KILLED_FILES = 180  # more than are done between the kills, however fast the machine


@pytest.fixture(scope="module")
def colorizer(exported: dict[str, Path]) -> Colorizer:
    return Colorizer(exported["onnx"])


def tree_of(folder: Path) -> dict[str, str]:
    """Digests of everything below a folder, the record included."""
    return {
        os.fsencode(path.relative_to(folder)).decode("latin-1"): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def seeds(folder: Path, photo: np.ndarray) -> list[Path]:
    """Small valid files of many kinds, with metadata."""
    grey = Image.fromarray(cv2.cvtColor(photo[:40, :48], cv2.COLOR_RGB2GRAY))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    exif.get_ifd(0x8769)[0x829A] = 0.5
    modes = {"a.jpg": "L", "b.jpg": "CMYK", "c.png": "LA", "d.png": "P", "e.tif": "L", "f.tif": "RGBA"}
    modes |= {"g.webp": "RGB", "h.bmp": "RGB", "i.avif": "RGB", "j.bmp": "P"}
    for name, mode in modes.items():
        grey.convert(mode).save(folder / name, exif=exif)
    cv2.imwrite(str(folder / "k.png"), np.asarray(grey, np.uint16) * 257)
    cv2.imwrite(str(folder / "l.tif"), np.asarray(grey, np.uint16) * 257)
    return sorted(folder.iterdir())


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Change, cut, repeat or drop some bytes."""
    damaged = bytearray(content)
    for _ in range(generator.choice((1, 1, 2, 8, 40))):
        start = generator.randrange(len(damaged))
        match generator.randrange(5):
            case 0:
                damaged[start] = generator.randrange(256)
            case 1:
                damaged[start : start + 4] = generator.randbytes(4)
            case 2:
                damaged[start:start] = damaged[start : start + generator.randrange(64)]
            case 3:
                del damaged[start : start + generator.randrange(1, 64)]
            case 4:
                del damaged[max(1, start) :]
        if len(damaged) < 2:
            break
    return bytes(damaged)


def test_mutated_files_end_as_written_or_failed(
    tmp_path: Path, photo: np.ndarray, colorizer: Colorizer
) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "in").mkdir()
    valid = seeds(tmp_path / "seeds", photo)
    generator = random.Random(5)
    for number in range(MUTANTS):
        seed = generator.choice(valid)
        path = tmp_path / "in" / f"{number:04}-{seed.name}"
        path.write_bytes(mutated(seed.read_bytes(), generator))
    statuses, last = [], time.process_time()
    options = BatchOptions(max_megapixels=4, measure=True, thumbnails=True)
    for result in colorize_folder([tmp_path / "in"], tmp_path / "out", colorizer, options=options):
        statuses.append(result.status)
        assert (result.status == "failed") == bool(result.reason)
        assert (result.target is not None and result.target.exists()) == (result.status == "written")
        assert time.process_time() - last < 5, result.source  # seconds of this process
        last = time.process_time()
    assert len(statuses) == MUTANTS
    assert 100 < statuses.count("written") < MUTANTS - 100


def test_killed_runs_resume_to_the_same_bytes(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    for number in range(KILLED_FILES):
        name = f"sub/{number}.png" if number % 3 else f"{number}.jpg"
        cv2.imwrite(str(source / name), photo[number : number + 120, number : number + 150])
    (source / "broken.jpg").write_bytes(b"\xff\xd8no")

    def command(out: str) -> list[str]:
        return [*BATCH, str(source), "--out", str(tmp_path / out), "--model", str(exported["onnx"]), "-q"]

    def done() -> int:
        return sum(path.suffix in (".jpg", ".png") for path in (tmp_path / "killed").rglob("[!.]*"))

    assert subprocess.run(command("whole"), check=False).returncode == 3
    generator = random.Random(1)
    for _ in range(KILLS):
        enough = done() + generator.randrange(4)
        process = subprocess.Popen(command("killed"), stderr=subprocess.DEVNULL)
        while process.poll() is None and done() < enough:
            time.sleep(0.002)
        time.sleep(generator.uniform(0, 0.03))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert 0 < done() < KILLED_FILES
    assert subprocess.run(command("killed"), check=False).returncode == 3
    assert tree_of(tmp_path / "killed") == tree_of(tmp_path / "whole")


def test_two_runs_into_one_folder_do_not_harm_each_other(
    exported: dict[str, Path], tmp_path: Path, photo: np.ndarray
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(40):
        cv2.imwrite(str(source / f"{number}.png"), photo[: 100 + number])
    command = [*BATCH, str(source), "--out", str(out), "--model", str(exported["onnx"]), "-q"]
    runs = [subprocess.Popen(command) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert subprocess.run(command, check=False).returncode == 0  # folds what the first to end has left
    alone = tmp_path / "alone"
    command[command.index(str(out))] = str(alone)
    assert subprocess.run(command, check=False).returncode == 0
    assert tree_of(out) == tree_of(alone)


AWKWARD = [
    b"a b.png",
    b"new\nline.png",
    "\N{GRINNING FACE}.png".encode(),
    b"\xff\xfe.png",
    b"-q.png",
    b"%d'\".png",
]


def test_names_of_any_kind(exported: dict[str, Path], tmp_path: Path, photo: np.ndarray) -> None:
    source = tmp_path / "in"
    source.mkdir()
    content = cv2.imencode(".png", photo[:64, :64])[1].tobytes()
    for name in AWKWARD:
        (source / os.fsdecode(name)).write_bytes(content)
    command = [*BATCH, source, "--out", tmp_path / "out", "--model", exported["onnx"], "-v"]
    extra = ["--report", tmp_path / "r.json", "--gallery", tmp_path / "g.html"]
    done = subprocess.run(
        [*command, *extra], capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.decode("ascii", "backslashreplace").splitlines()
    assert sum(line.endswith(": written") or "written: " in line for line in lines) == len(AWKWARD)
    names = {os.fsencode(path.name) for path in (tmp_path / "out").iterdir()}
    assert names - {FOLDER.encode()} == set(AWKWARD)
    again = subprocess.run([*command, "--dry-run"], capture_output=True, check=False)
    assert again.returncode == 0


def test_a_file_that_vanishes_and_one_that_may_not_be_read(
    tmp_path: Path, photo: np.ndarray, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(6):
        cv2.imwrite(str(source / f"{number}.png"), photo[:64, :64])
    read_bytes = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    statuses = {}
    options = BatchOptions(workers=1)
    for result in colorize_folder([source], tmp_path / "out", colorizer, options=options):
        statuses[result.source.name] = (result.status, result.reason)
        (source / "4.png").unlink(missing_ok=True)
    assert statuses.pop("2.png") == ("failed", "cannot be read (Permission denied)")
    assert statuses.pop("4.png") == ("failed", f"{source / '4.png'}: No such file or directory")
    assert set(statuses.values()) == {("written", "")}


def test_full_disk_fails_the_item_and_leaves_nothing_half_done(
    tmp_path: Path, photo: np.ndarray, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photo[:64, :64])
    cv2.imwrite(str(tmp_path / "b.png"), photo[:64, 64:128])
    write_bytes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.suffix == ".png" and not list((tmp_path / "out").glob("a.png")):
            write_bytes(path, content[:50])
            raise OSError(28, "No space left on device", str(path))
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    options = BatchOptions(workers=1)
    inputs = [tmp_path / "a.png", tmp_path / "b.png"]
    results = list(colorize_folder(inputs, tmp_path / "out", colorizer, options=options))
    assert [result.status for result in results] == ["failed", "failed"]
    assert all("No space left on device" in result.reason for result in results)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FOLDER]
    monkeypatch.undo()
    assert [result.status for result in colorize_folder(inputs, tmp_path / "out", colorizer)] == [
        "written"
    ] * 2


def test_work_that_needs_more_memory_runs_alone_and_is_never_written_grey(
    tmp_path: Path, photo: np.ndarray, exported: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), photo[: 64 + number, :64])
    colorizer = Colorizer(exported["onnx"])
    merge, heights = colorizer.merge, list[int]()

    def short_of_memory(prepared: object, ab: np.ndarray) -> np.ndarray:
        height = len(prepared.image)  # type: ignore[attr-defined]
        heights.append(height)
        if height == 66 or (height == 65 and heights.count(65) == 1):
            raise MemoryError
        return merge(prepared, ab)  # type: ignore[arg-type]

    monkeypatch.setattr(colorizer, "merge", short_of_memory)
    inputs = [tmp_path / f"{number}.png" for number in range(4)]
    results = list(colorize_folder(inputs, tmp_path / "out", colorizer))
    assert [result.status for result in results] == ["written", "written", "failed", "written"]
    assert results[2].reason == "not enough memory for an image of this size"
    assert not (tmp_path / "out" / "2.png").exists()
