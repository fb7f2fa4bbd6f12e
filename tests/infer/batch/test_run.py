import hashlib
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorize_gan.cli.progress import Progress
from colorize_gan.core.images.decode import read_image
from colorize_gan.infer import BatchOptions, Colorizer, colorize_folder
from colorize_gan.infer.batch.disk import DISK
from colorize_gan.infer.batch.folder_state import FOLDER
from colorize_gan.infer.batch.planner import Task
from colorize_gan.infer.batch.results import UNREACHABLE, ItemResult, LeftError
from colorize_gan.infer.batch.run import run_tasks
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.folder import colorize_items


@pytest.fixture(scope="module")
def colorizer(exported: dict[str, Path]) -> Colorizer:
    return Colorizer(exported["onnx"])


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    """Six photographs of different kinds in a tree, and three broken files."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    for name, image in {
        "a.jpg": grey,
        "b.png": grey.astype(np.uint16) * 257,
        "c.tif": photo,
        "d.webp": photo[:101, :77],
        "e.bmp": grey[:64, :64],
        "sub/a.jpg": photo,
    }.items():
        cv2.imwrite(str(root / name), image)
    (root / "bad1.jpg").write_bytes((root / "a.jpg").read_bytes()[:3000])
    (root / "bad2.png").write_bytes(b"")
    cv2.imwrite(str(root / "bad3.png"), np.zeros((1, 1), np.uint8))
    return root


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / FOLDER)
    }


def test_every_input_ends_with_a_result_in_order(photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    results = list(colorize_folder([photos], tmp_path / "out", colorizer))
    ended = [(str(result.source.relative_to(photos)), result.status) for result in results]
    assert ended == [
        ("a.jpg", "written"),
        ("b.png", "written"),
        ("bad1.jpg", "failed"),
        ("bad2.png", "failed"),
        ("bad3.png", "failed"),
        ("c.tif", "written"),
        ("d.webp", "written"),
        ("e.bmp", "written"),
        ("sub/a.jpg", "written"),
    ]
    reasons = [result.reason for result in results if result.status == "failed"]
    assert [reason.split(":")[0].split(" (")[0] for reason in reasons] == [
        "cannot be decoded",
        "the file is empty",
        "1 x 1 pixels",
    ]
    assert len(digests(tmp_path / "out")) == 6
    assert read_image(tmp_path / "out" / "b.png").dtype == np.uint16


def test_bytes_do_not_depend_on_workers_or_neighbours(
    photos: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    list(colorize_folder([photos], tmp_path / "one", colorizer, options=BatchOptions(workers=1)))
    list(colorize_folder([photos], tmp_path / "five", colorizer, options=BatchOptions(workers=5)))
    list(colorize_folder([photos / "c.tif"], tmp_path / "alone", colorizer))
    assert digests(tmp_path / "one") == digests(tmp_path / "five")
    assert digests(tmp_path / "alone")["c.tif"] == digests(tmp_path / "one")["c.tif"]


def test_existing_outputs(photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    target = tmp_path / "out" / "a.jpg"
    target.parent.mkdir()
    for on_exists, status in (("skip", "skipped"), ("error", "failed"), ("overwrite", "written")):
        target.write_text("mine")
        options = BatchOptions(on_exists=on_exists)
        [result] = colorize_folder([photos / "a.jpg"], target.parent, colorizer, options=options)
        assert result.status == status
        assert (target.read_bytes() == b"mine") == (status != "written")


def test_an_output_of_another_input_is_not_replaced(
    photos: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    """Scanners begin anew with every box: two photographs have one name."""
    first, second = tmp_path / "box 1", tmp_path / "box 2"
    for box, name in ((first, "a.jpg"), (second, "sub/a.jpg")):
        box.mkdir()
        (box / "0001.jpg").write_bytes((photos / name).read_bytes())

    def ends(box: Path, **options: Any) -> list[tuple[str, str]]:
        results = colorize_folder([box], tmp_path / "out", colorizer, options=BatchOptions(**options))
        return [(result.status, result.reason) for result in results]

    assert ends(first) == [("written", "")]
    before = digests(tmp_path / "out")
    [(status, reason)] = ends(second)
    assert status == "failed"
    assert f"was made from {first / '0001.jpg'}; use another `out`" in reason
    assert digests(tmp_path / "out") == before
    link = tmp_path / "link"
    link.symlink_to(first)
    (first / "0001.jpg").touch()
    assert ends(link) == [("written", "")]  # the same input
    moved = first.rename(tmp_path / "moved")
    assert ends(moved) == [("skipped", "up to date")]
    assert ends(second, on_exists="overwrite") == [("written", "")]
    (second / "0001.jpg").write_bytes((photos / "a.jpg").read_bytes())
    assert ends(second) == [("written", "")]  # its own input has changed


def test_unwritable_output_fails_that_item_only(photos: Path, tmp_path: Path, colorizer: Colorizer) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    results = {r.source.name: r for r in colorize_folder([photos], tmp_path / "out", colorizer)}
    assert results["c.tif"].status == "written"
    failed = [r for r in results.values() if r.source.parent.name == "sub"]
    assert [r.status for r in failed] == ["failed"]


def test_a_bug_in_a_worker_ends_the_run_at_once(
    photos: Path, tmp_path: Path, colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(_: np.ndarray) -> np.ndarray:
        calls.append(threading.current_thread())
        raise ZeroDivisionError

    monkeypatch.setattr(colorizer, "prepare", broken)
    items = [WorkItem(photos / "a.jpg", tmp_path / f"{index}.jpg") for index in range(1000)]
    with pytest.raises(ZeroDivisionError):
        list(colorize_items(items, tmp_path, colorizer, BatchOptions(workers=2)))
    assert len(calls) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("colorize")]


def test_closing_the_results_ends_with_the_items_in_hand(
    photos: Path, tmp_path: Path, colorizer: Colorizer
) -> None:
    items = [WorkItem(photos / "e.bmp", tmp_path / "out" / f"{index}.bmp") for index in range(200)]
    results = colorize_items(items, tmp_path / "out", colorizer, BatchOptions(workers=2))
    next(results)
    results.close()
    written = [path for path in (tmp_path / "out").iterdir() if path.name != FOLDER]
    assert 1 <= len(written) <= 6
    assert all(path.suffix == ".bmp" and not path.name.startswith(".") for path in written)


def test_what_ended_well_behind_work_that_was_left_is_told(photos: Path, tmp_path: Path) -> None:
    items = [WorkItem(photos / f"{name}.jpg", tmp_path / f"{name}.jpg") for name in ("left", "done", "never")]
    over, finished = threading.Event(), threading.Event()

    def work(task: Task) -> ItemResult:
        if task.item is items[1]:
            finished.set()
            return ItemResult(task.item.source, task.item.target, "written")
        finished.wait()
        over.set()
        raise LeftError

    results = run_tasks(work, items, tmp_path, DISK, "settings", "skip", 2, over.is_set)
    assert [result.source.stem for result in results] == ["done"]


def test_work_that_is_left_without_a_reason_is_an_error(photos: Path, tmp_path: Path) -> None:
    def work(_: Task) -> ItemResult:
        raise LeftError

    items = [WorkItem(photos / "a.jpg", tmp_path / "a.jpg")]
    with pytest.raises(LeftError):
        list(run_tasks(work, items, tmp_path, DISK, "settings", "skip", 1, lambda: False))


def test_a_storage_that_is_lost_stays_lost() -> None:
    progress = Progress(None, quiet=True, verbose=False)
    failed = ItemResult(Path("a.jpg"), None, "failed", f"{UNREACHABLE}: no route")
    written = ItemResult(Path("a.jpg"), Path("b.jpg"), "written")
    for result in [failed] * 4 + [written] + [failed] * 4:
        progress.add(result)
    assert not progress.is_storage_lost
    for result in (failed, written):
        progress.add(result)
    assert progress.is_storage_lost
