"""What a run tells of its work to the choice of a backend."""

import threading
from pathlib import Path
from typing import Any

import pytest

from colorize_gan.core.errors import ModelError
from colorize_gan.infer import jobs
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.results import BatchOptions
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.batch_job import BatchJob
from colorize_gan.infer.jobs import find_batch, run_batch


def opened_with(job: BatchJob, monkeypatch: pytest.MonkeyPatch) -> ModelOptions:
    """Run a job up to the opening of its model."""
    seen: list[ModelOptions] = []

    def refuse(options: ModelOptions) -> None:
        seen.append(options)
        raise ModelError("enough")

    monkeypatch.setattr(jobs, "open_colorizer", refuse)
    watcher: Any = type("Nobody", (), {"is_over": lambda _: False})()
    with pytest.raises(ModelError, match="enough"):
        run_batch(job, find_batch(job), watcher, threading.Event())
    return seen[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "c.jpg", "film.mp4", "d.tar"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("settings", "pictures"),
    [
        ({}, 3),
        ({"limit": 2}, 2),
        ({"videos": True}, None),
        ({"options": BatchOptions(members=Selection())}, None),
        ({"model": ModelOptions(backend="onnxruntime")}, 3),
    ],
)
def test_photographs_are_counted_and_frames_are_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], pictures: int | None
) -> None:
    out = folder.with_name("out")
    options = opened_with(BatchJob([folder], out, **settings), monkeypatch)
    assert (options.pictures, options.begun_with) == (pictures, "")
    assert not out.exists()
