import dataclasses
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorize_gan.core.errors import DeviceError, UsageError
from colorize_gan.core.files import atomic
from colorize_gan.core.files.atomic import atomic_path
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.planner import Task
from colorize_gan.infer.batch.results import BatchOptions, LeftError
from colorize_gan.infer.batch.work import Selection, WorkItem
from colorize_gan.infer.remote.cluster_worker import Assignment, ClusterWorker, stand_in
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.remote.urls import open_url


@pytest.fixture
def assignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assignment:
    monkeypatch.chdir(tmp_path)
    return Assignment.of(ModelOptions(backend="native"), BatchOptions())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "0.0.1"}, r": has colorize-gan .*, not 0.0.1$"),
        ({"urls": ["nothing://x"]}, r": nothing://x: Protocol not known: nothing$"),
        ({"mark": Path("/nowhere/.colorize-batch/x.mark")}, ": does not see /nowhere; `out` has to be"),
    ],
)
def test_a_machine_that_cannot_take_part_says_why(
    assignment: Assignment, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UsageError, match=expected):
        ClusterWorker().open(dataclasses.replace(assignment, **changes))


def test_a_machine_whose_colours_would_differ_is_refused(assignment: Assignment) -> None:
    first = stand_in(open_backend(find_model("lite2"), "native"))
    other = dataclasses.replace(first, precision="bf16")
    with pytest.raises(DeviceError, match=r"another machine on onnxruntime, cpu, bf16: colours would differ"):
        ClusterWorker().open(dataclasses.replace(assignment, expected=other))


def test_a_gpu_is_used_only_where_it_is_asked_for() -> None:
    for asked, used in (("auto", "cpu"), ("cpu", "cpu"), ("cuda", "cuda")):
        assert Assignment.of(ModelOptions(device=asked), BatchOptions()).model.device == used


def test_what_a_lost_worker_leaves_is_removed_by_its_run(
    assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_employer", "")
    record = ANYWHERE.open_state(tmp_path)
    record.start({tmp_path / "0.tar": ""})
    with atomic_path(tmp_path / "0.tar") as own:
        own.touch()
        ClusterWorker().open(assignment)
        lost = atomic_path(tmp_path / "0.tar").__enter__()
        lost.touch()
        record.close()
        assert (own.exists(), lost.exists()) == (True, False)


def test_a_worker_that_is_to_leave_gives_up_its_shard(
    assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "_employer", "")
    source = tmp_path / "0.tar"
    with tarfile.open(source, "w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    worker = ClusterWorker()
    worker.open(dataclasses.replace(assignment, options=BatchOptions(members=Selection())))
    worker.leave()
    with pytest.raises(LeftError):
        worker.process(Task.of(WorkItem(source, tmp_path / "out" / "0.tar"), ANYWHERE))
    assert not list((tmp_path / "out").iterdir())


def test_names_in_an_archive_may_look_like_a_login(
    assignment: Assignment, tmp_path: Path, photo: np.ndarray
) -> None:
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr("cat@2x.png", cv2.imencode(".png", photo[:64, :80])[1].tobytes())
    [item] = find_work(
        [open_url(f"zip://::file://{tmp_path}/album.zip")], tmp_path / "out", Selection(), ANYWHERE
    ).items
    worker = ClusterWorker()
    worker.open(dataclasses.replace(assignment, urls=[str(item.source)]))
    result = worker.process(pickle.loads(pickle.dumps(Task.of(item, ANYWHERE))))
    assert (result.source, result.status) == (item.source, "written")
    assert (tmp_path / "out" / "cat@2x.png").exists()


def test_names_that_an_url_cannot_have_are_listed_as_failed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "album.zip", "w") as archive:
        archive.writestr("cat::2x.png", b"x")
    work = find_work(
        [open_url(f"zip://::file://{tmp_path}/album.zip")], tmp_path / "out", Selection(), ANYWHERE
    )
    assert [entry.reason for entry in work.bad] == [
        "holds 'cat::2x.png', a name that no folder or URL can have"
    ]
