"""The effect of a cluster and of object storage.

`PYTHONPATH=tests/support python benchmarks/studies/cluster.py [PART...]`: all of it on one machine, with the
command as users run it. `speed` compares Ray clusters of one and of two machines of a core with one command
and two at once without Ray. `objects` runs an S3 server with 2,000 objects, on both engines. In `lost` a
machine is killed, and in `driver` the workers do nothing. Writes these parts of `cluster.json` beside it.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from s3_server import BATCH, SECRET, Bucket, Endpoint, photographs, tree_of

from colorize_gan.benchmarks.machine import machine
from colorize_gan.benchmarks.photos import Case, write_photographs, write_samples
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.batch.results import BatchOptions, ItemResult
from colorize_gan.infer.batch.work import Selection, WorkItem
from colorize_gan.infer.remote.cluster_worker import ClusterWorker
from colorize_gan.infer.remote.places import ANYWHERE
from colorize_gan.infer.remote.urls import open_url

RESULT = Path(__file__).with_suffix(".json")
CASE, COUNT = Case("2 MP JPEG", 1600, 1200, ".jpg", 24), 240
CONTROL = 60  # photographs of each command without Ray
OBJECTS, ITEMS, LISTED = 2000, 5000, 100_000
PHOTOGRAPHS = 10_000_000
MACHINE = {"num_cpus": 1, "object_store_memory": 80 << 20}


def main(parts: list[str]) -> None:
    """Measure and write."""
    os.environ |= {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    result["machine"] = machine()
    for part in parts or list(PARTS):
        with tempfile.TemporaryDirectory() as folder:
            result[part] = PARTS[part](Path(folder))
        print(part, json.dumps(result[part], indent=1))  # noqa: T201
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


@contextlib.contextmanager
def cluster(machines: int) -> Iterator[Any]:
    """Run a Ray cluster of machines of one core."""
    from ray.cluster_utils import Cluster

    started = Cluster(
        initialize_head=True, connect=False, head_node_args={**MACHINE, "include_dashboard": False}
    )
    for _ in range(machines - 1):
        started.add_node(**MACHINE)
    try:
        yield started
    finally:
        started.shutdown()


def command(*arguments: object, address: str | None = None) -> list[str]:
    """Return a command line of `colorize-batch`."""
    engine = ["--engine", "ray", "--ray-address", address] if address else []
    return [*BATCH, *map(str, arguments), "-q", *engine]


def many(folder: Path, count: int) -> Path:
    """Write ``count`` photographs."""
    write_photographs(CASE, write_samples(folder / "samples"), folder / "in")
    originals = sorted((folder / "in").iterdir())
    for number, original in zip(range(len(originals), count), itertools.cycle(originals), strict=False):
        shutil.copy(original, folder / "in" / f"{number:03}{CASE.suffix}")
    return folder / "in"


def speed(folder: Path) -> dict[str, Any]:
    """Measure images a second of one and two machines: of the whole command, and of its work alone."""
    photos = many(folder, COUNT)
    rows = [
        {"machines": machines, **speed_of(machines, photos, folder / str(machines))} for machines in (1, 2)
    ]
    times = {name: round(rows[1][name] / rows[0][name], 2) for name in rows[0] if name != "machines"}
    return {"photographs": f"{COUNT} x {CASE.name}", "rows": rows, "times": times}


def speed_of(machines: int, photos: Path, out: Path) -> dict[str, float]:
    """Measure a cluster, and as many commands without one."""
    report = out.with_suffix(".json")
    with cluster(machines) as running:
        started = time.perf_counter()
        subprocess.run(command(photos, "--out", out, "--report", report, address=running.address), check=True)
        seconds = time.perf_counter() - started
    at_work = json.loads(report.read_text())["totals"]["images_per_second"]
    reports = [out.with_suffix(f".{number}.json") for number in range(machines)]
    one = [photos, "--workers", 1, "--limit", CONTROL]
    alone = [
        subprocess.Popen(command(*one, "--out", each.with_suffix(""), "--report", each)) for each in reports
    ]
    assert not any(process.wait() for process in alone)
    rates = [json.loads(each.read_text())["totals"]["images_per_second"] for each in reports]
    figures = {"with_start_up": COUNT / seconds, "at_work": at_work, "without_ray": sum(rates)}
    return {name: round(figure, 2) for name, figure in figures.items()}


def lost(folder: Path) -> dict[str, Any]:
    """Kill one of two machines in the middle, and compare what is there with what one machine makes."""
    photos, out, report = many(folder, 200), folder / "out", folder / "run.json"
    subprocess.run(command(photos, "--out", folder / "local"), check=True)
    with cluster(2) as running:
        process = subprocess.Popen(command(photos, "--out", out, "--report", report, address=running.address))
        while len(tree_of(out)) < 60:
            time.sleep(0.05)
        running.remove_node(next(iter(running.worker_nodes)), allow_graceful=False)
        killed = len(tree_of(out))
        code = process.wait()
    items = [item["input"] for item in json.loads(report.read_text())["items"]]
    return {
        "photographs": len(items),
        "twice": len(items) - len(set(items)),
        "done_when_killed": killed,
        "exit_code": code,
        "equal": tree_of(out) == tree_of(folder / "local"),
    }


def objects(folder: Path) -> dict[str, Any]:
    """Colorize objects below nested prefixes on both engines, and the same files."""
    import skimage.data

    os.environ |= {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": SECRET}
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    server = Endpoint()
    os.environ["AWS_ENDPOINT_URL"] = server.url
    bucket = Bucket(server, "archive")
    photos = folder / "in"
    for prefix in range(20):
        photographs(photos / f"{prefix:02}" / "scans", skimage.data.coffee(), OBJECTS // 20)
    bucket.fill(photos, "in")
    subprocess.run(command(photos, "--out", folder / "local"), check=True)
    expected, figures = tree_of(folder / "local"), {}
    with cluster(2) as running:
        for engine, address in (("local", None), ("ray", running.address)):
            started = time.perf_counter()
            subprocess.run(
                command(bucket.url("in"), "--out", bucket.url(engine), address=address), check=True
            )
            figures[engine] = round(time.perf_counter() - started, 1)
            assert bucket.tree(engine) == expected
    server.stop()
    return {"objects": len(expected), "equal": True, "seconds": figures}


class Idle(ClusterWorker):
    """A worker that has done everything already."""

    def process(self, task: Any) -> ItemResult:
        """See `ClusterWorker.process`."""
        item = task.item
        return ItemResult(item.source, item.target, "failed", "nothing was done", width=1600, height=1200)


def driver(folder: Path) -> dict[str, Any]:
    """Measure how many items a second the process that keeps the record can give away, and its memory."""
    memory = listing_mb()
    from colorize_gan.infer.remote import cluster as engine

    engine.ClusterWorker = Idle  # type: ignore[misc]
    photo = many(folder, 1) / "000.jpg"
    items = [WorkItem(photo, folder / "out" / f"{number}.jpg") for number in range(ITEMS)]
    model, stop = ModelOptions(device="cpu"), threading.Event()
    opened = engine.open_cluster(None, items, folder / "out", BatchOptions(workers=2), model, stop.is_set)
    with opened as running:
        started = time.perf_counter()
        assert len(list(running.colorize(items, folder / "out", stop.is_set))) == ITEMS
        rate = round(ITEMS / (time.perf_counter() - started))
    listing = {"gb_of_ten_million_objects": round(memory / LISTED * PHOTOGRAPHS / 1000, 1)}
    return {"items_per_second": rate, "cores_at_10_images_per_second": rate // 10, **listing}


def listing_mb() -> float:
    """Measure what a listing and its work items take, MB."""
    from fsspec.implementations.memory import MemoryFileSystem

    files = MemoryFileSystem()
    for number in range(LISTED):
        files.pipe_file(f"/in/{number // 1000:04}/{number:08}.jpg", b"x")
    before = psutil.Process().memory_info().rss
    work = find_work([open_url("memory://in")], open_url("memory://out"), Selection(), ANYWHERE)
    assert len(work.items) == LISTED
    return (psutil.Process().memory_info().rss - before) / 1e6


PARTS = {"speed": speed, "lost": lost, "objects": objects, "driver": driver}

if __name__ == "__main__":
    main(sys.argv[1:])
