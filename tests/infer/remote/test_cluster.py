"""Against a Ray cluster of two machines, each of one core, on this one."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from s3_server import BATCH, SECRET, Bucket, Endpoint, photographs, tree_of

from colorize_gan.core.errors import DeviceError
from colorize_gan.infer.backends.bundled import bundled_models

pytest.importorskip("ray", reason="pip install 'colorize-gan[ray]'")
pytest.importorskip("moto.server", reason="pip install 'moto[s3]' flask flask-cors")

from ray.exceptions import ActorUnavailableError, RayError

from colorize_gan.infer.remote.cluster import _reason
from colorize_gan.infer.remote.cluster_resources import needed

COUNT = 60
MACHINE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def cluster(credentials: pytest.MonkeyPatch, endpoint: Endpoint) -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    credentials.setenv("OMP_NUM_THREADS", "1")
    cluster = Cluster(
        initialize_head=True, connect=False, head_node_args={**MACHINE, "include_dashboard": False}
    )
    cluster.add_node(**MACHINE)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, one of them damaged."""
    import skimage.data

    folder = photographs(tmp_path_factory.mktemp("many") / "photos", skimage.data.coffee(), COUNT)
    (folder / "a" / "damaged.jpg").write_bytes(b"\xff\xd8no")
    return folder


@pytest.fixture(scope="module")
def local(many: Path) -> Path:
    """What one machine makes of them, with a report beside it."""
    out = many.parent / "local"
    done = batch(many, "--out", out, "--report", many.parent / "local.json")
    assert done.returncode == 3
    return out


def batch(*arguments: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*BATCH, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert SECRET not in done.stderr
    return done


def items_of(report: Path, root: object) -> list[dict[str, Any]]:
    """Items of a report, with names below ``root``."""
    items = sorted(json.loads(report.read_text())["items"], key=lambda item: item["input"])
    return [
        {**item, "input": item["input"].removeprefix(f"{root}/"), "output": bool(item["output"])}
        for item in items
    ]


def test_a_cluster_makes_what_one_machine_makes(
    cluster: Any, bucket: Bucket, many: Path, local: Path, tmp_path: Path
) -> None:
    bucket.fill(many, "in")
    model = shutil.copy(bundled_models()["lite2"], tmp_path / "mine.onnx")  # on no other machine
    command = (bucket.url("in"), "--out", bucket.url("out"), "--engine", "ray", "--model", model)
    done = batch(*command, "--ray-address", cluster.address, "--report", tmp_path / "run.json")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert bucket.tree("out") == tree_of(local)
    assert items_of(tmp_path / "run.json", bucket.url("in")) == items_of(local.with_suffix(".json"), many)
    assert f"{COUNT} written, 0 skipped, 1 failed" in done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.fullmatch(r"\d+ of \d+, \d+ failed", line)]
    assert len(lines) == 2, done.stderr  # nothing of Ray's
    again = batch(bucket.url("in"), "--out", bucket.url("out"), "--model", model)
    assert f"0 written, {COUNT} skipped, 1 failed" in again.stderr


def test_a_cluster_has_the_references_of_one_machine(
    cluster: Any, bucket: Bucket, photos: Path, photo: np.ndarray, hinted: dict[str, Path], tmp_path: Path
) -> None:
    references = tmp_path / "references"
    (references / "a" / "b c").mkdir(parents=True)
    for number, name in enumerate(("00.png", "a/01.jpg", "a/b c/05.webp")):
        cv2.imwrite(str(references / name), np.roll(photo, number, axis=2))
    (references / "03.png").write_bytes(b"no picture")
    bucket.fill(photos, "in")
    model = ("--model", hinted["onnx"], "--backend", "onnxruntime")
    for name, reference in (("tree", references), ("one", references / "00.png")):
        arguments = (*model, "--reference", reference)
        assert batch(photos, "--out", tmp_path / name, *arguments).returncode == (3 if name == "tree" else 0)
        spread = (bucket.url("in"), "--out", bucket.url(name), *arguments)
        done = batch(*spread, "--engine", "ray", "--ray-address", cluster.address)
        assert bucket.tree(name) == tree_of(tmp_path / name), done.stderr
        again = batch(*spread)
        assert f"0 written, {len(bucket.names(name))} skipped" in again.stderr
    assert tree_of(tmp_path / "one") != {**tree_of(tmp_path / "one"), **tree_of(tmp_path / "tree")}


def test_shards_are_coloured_by_a_cluster(cluster: Any, many: Path, tmp_path: Path) -> None:
    shards = []
    for number in range(3):
        shards.append(tmp_path / f"photos-{number:03}.tar")
        names = [f"{each:02}.jpg" for each in range(number * 12, number * 12 + 12, 6)]
        subprocess.run(["tar", "-cf", shards[-1], "-C", many, *names], check=True)
    os.chdir(tmp_path)
    given = ("photos-{000..002}.tar", "--shards", "--out")
    done = batch(*given, "spread", "--engine", "ray", "--ray-address", cluster.address)
    assert done.returncode == 0, done.stderr
    assert batch(*given, "local").returncode == 0
    assert tree_of(tmp_path / "spread") == tree_of(tmp_path / "local")
    assert len(tree_of(tmp_path / "spread")) == 3


def test_a_lost_machine_loses_nothing(cluster: Any, many: Path, local: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*BATCH, many, "--out", out, "--engine", "ray", "--ray-address", cluster.address]
    with subprocess.Popen(
        [*map(str, command), "--report", str(tmp_path / "run.json")], stdout=-1, stderr=-1, text=True
    ) as process:
        while len(tree_of(out)) < 3:  # most of them are still to come
            assert process.poll() is None
            time.sleep(0.01)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        assert len(tree_of(out)) < COUNT
        printed, errors = process.communicate()
    assert (process.returncode, printed) == (3, ""), errors
    assert f"{COUNT} written, 0 skipped, 1 failed" in errors
    assert tree_of(out) == tree_of(local)
    assert items_of(tmp_path / "run.json", many) == items_of(local.with_suffix(".json"), many)


def test_an_interrupted_run_leaves_no_process_and_goes_on(many: Path, local: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*map(str, (*BATCH, many, "--out", out)), "--engine", "ray"]
    with subprocess.Popen(command, stderr=-1, text=True, start_new_session=True) as process:
        while len(tree_of(out)) < 5:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "interrupted; resume with: " in errors
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert len(tree_of(out)) < COUNT
    assert batch(many, "--out", out).returncode == 3
    assert tree_of(out) == tree_of(local)


def test_a_run_ends_when_the_storage_is_gone(
    cluster: Any, endpoint: Endpoint, bucket: Bucket, many: Path, local: Path
) -> None:
    bucket.fill(many, "in")
    command = [*BATCH, bucket.url("in"), "--out", bucket.url("out")]
    spread = [*command, "--engine", "ray", "--ray-address", cluster.address]
    with subprocess.Popen(spread, stderr=-1, text=True) as process:
        while len(bucket.names("out")) < 5:
            assert process.poll() is None
            time.sleep(0.01)
        endpoint.stop()
        _, errors = process.communicate()
    endpoint.start()
    assert process.returncode == 3
    assert "the storage fails: Could not connect" in errors
    assert "stopped after repeated storage errors" in errors
    assert batch(*command[len(BATCH) :]).returncode == 3
    assert bucket.tree("out") == tree_of(local)


@pytest.mark.parametrize(
    ("code", "expected", "arguments"),
    [
        (2, "--videos is for --engine local", ["--videos"]),
        (2, "--on-exists rename is for --engine local", ["--on-exists", "rename"]),
        (2, "--device cuda:1: Ray chooses the GPU", ["--device", "cuda:1"]),
        (2, "--device gpu: not auto, cpu, cuda or cuda:N", ["--device", "gpu"]),
        (4, "no Ray cluster at 127.0.0.1:1: [Errno 111]", ["--ray-address", "127.0.0.1:1"]),
        (5, "--model none.onnx: no such file", ["--model", "none.onnx"]),
    ],
)
def test_what_is_not_possible_is_one_line(
    many: Path, tmp_path: Path, code: int, expected: str, arguments: list[str]
) -> None:
    done = batch(many, "--out", tmp_path / "out", "--engine", "ray", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done.stderr
    assert expected in done.stderr
    assert not tree_of(tmp_path / "out")


def test_without_the_extra_the_engine_is_refused(many: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; " + BATCH[2]
    command = [sys.executable, "-c", code, str(many), "--out", str(tmp_path), "--engine", "ray"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: --engine ray: needs ray, which is not installed; pip install 'colorize-gan[ray]'\n"
    )


def test_the_address_is_for_the_engine(many: Path, tmp_path: Path) -> None:
    done = batch(many, "--out", tmp_path, "--ray-address", "auto")
    assert (done.returncode, done.stderr) == (2, "error: --ray-address is for --engine ray\n")


def test_workers_are_cores_or_gpus_with_their_share_of_the_cores() -> None:
    machines = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 32.0}, {"CPU": 16.0, "GPU": 1.0}]
    assert needed(machines, "auto", None, None) == (56, 1, 0, 1)
    assert needed(machines, "cpu", 3, 4) == (3, 1, 0, 8)
    assert needed(machines, "cuda", None, None) == (3, 4, 1, 16)
    with pytest.raises(DeviceError, match="has no GPU"):
        needed(machines[1:2], "cuda", None, None)
    assert needed([], "cuda", 2, 1) == (2, 1, 1, 2)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ActorUnavailableError("no route", None), "The actor None is unavailable: no route. The task may"),
        (RayError("died\n  at worker.py\nModuleNotFoundError: no x\n"), "ModuleNotFoundError: no x"),
        (RayError(), ""),
    ],
)
def test_what_ray_says_of_a_lost_worker_is_one_line(error: RayError, expected: str) -> None:
    assert _reason(error).startswith(expected)
    assert "\n" not in _reason(error)


@pytest.mark.gpu
def test_workers_use_the_gpus(many: Path, tmp_path: Path) -> None:
    report = tmp_path / "run.json"
    done = batch(many, "--out", tmp_path / "out", "--engine", "ray", "--device", "cuda", "--report", report)
    assert f"{COUNT} written, 0 skipped, 1 failed" in done.stderr
    assert json.loads(report.read_text())["device"].startswith("cuda:")
