import dataclasses
from pathlib import Path
from typing import Any

import pytest

from colorize_gan.errors import DeviceError, UsageError
from colorize_gan.infer.backends import open_backend
from colorize_gan.infer.cluster_worker import Assignment, ClusterWorker, stand_in
from colorize_gan.infer.models import find_model
from colorize_gan.infer.results import BatchOptions


@pytest.fixture
def assignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assignment:
    monkeypatch.chdir(tmp_path)  # a worker goes to the run's folder
    opening = {"model": "lite2", "backend": "native", "device": "auto"}
    return Assignment.of(opening, BatchOptions())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "0.0.1"}, r": has colorize-gan .*, not 0.0.1$"),
        ({"mark": Path("/nowhere/.colorize-batch/x.mark")}, ": does not see /nowhere; --out has to be"),
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
    opening = {"model": "lite2", "device": "auto"}
    assert Assignment.of(opening, BatchOptions()).opening["device"] == "cpu"
    assert Assignment.of(opening | {"device": "cuda"}, BatchOptions()).opening["device"] == "cuda"
