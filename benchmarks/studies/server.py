"""`colorize-serve` under load: `python benchmarks/studies/server.py`.

On enlarged photographs of scikit-image, with grain, `colorize-batch` runs in turns with more and more clients
on loopback. Each client sends one photograph after the other, and repeats it when it has to. Every answer
is compared with the file that `colorize-batch` wrote. Writes `server.json` beside it; `make tables` puts that
into docs/serving.md.
"""

import hashlib
import http.client
import itertools
import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from colorize_gan.benchmarks.machine import machine
from colorize_gan.benchmarks.photos import Case, write_photographs, write_samples

RESULT = Path(__file__).with_suffix(".json")
CASES = (
    (Case("0.3 MP JPEG", 640, 480, ".jpg", 40), 240),
    (Case("2 MP JPEG", 1600, 1200, ".jpg", 24), 144),
)
CLIENTS = (2, 8, 32, 128)
ROUNDS = 2
QUEUE = 64
STARTING = 4  # photographs, enough for each worker to have opened the model


def command(module: str, name: str) -> list[str]:
    """Return the start of a command line of this package."""
    return [sys.executable, "-c", f"from colorize_gan.cli.{module} import {name}; {name}()"]


@dataclass
class Outcome:
    """The experience of the clients of one load."""

    seconds: list[float] = field(default_factory=list)
    """Seconds of each photograph that came back, from the request that was taken to the last byte."""
    rejected: int = 0
    """Answers 429; the photograph was sent again."""
    wrong: int = 0
    """Other answers, and photographs that are not those of `colorize-batch`."""


def main() -> None:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder, running_server() as (address, server):
        rows = [row for case, count in CASES for row in measure(case, count, Path(folder), address, server)]
    result = {"machine": machine(), "queue": QUEUE, "rows": rows}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


@contextmanager
def running_server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `colorize-serve` on a free port; yield its address, host and port."""
    started = [*command("serve", "colorize_serve"), "--port", "0", "--queue", str(QUEUE)]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        found = re.search(r"http://\S+", server.stderr.readline())
        assert found, "the server did not start"
        try:
            yield urlsplit(found[0]).netloc, server
        finally:
            server.terminate()


def measure(
    case: Case, count: int, root: Path, address: str, server: subprocess.Popen[str]
) -> list[dict[str, Any]]:
    """Run `colorize-batch` and each number of clients in turns on ``count`` photographs."""
    folder = root / case.name
    write_photographs(case, write_samples(root / f"{case.name} samples"), folder)
    originals = sorted(folder.iterdir())
    for number, original in zip(range(len(originals), count), itertools.cycle(originals), strict=False):
        shutil.copy(original, folder / f"{number:03}{case.suffix}")
    rounds = []
    for number in range(ROUNDS):
        out = root / f"{case.name} {number}"
        batch = images_per_second_of_batch(folder, out)
        expected = {path.read_bytes(): digest((out / path.name).read_bytes()) for path in originals}
        loads = {clients: load(address, list(expected), expected, count, clients) for clients in CLIENTS}
        rounds.append((batch, loads, resident_mb(server)))
    return [summary(case, count, clients, rounds) for clients in CLIENTS]


def images_per_second_of_batch(folder: Path, out: Path) -> float:
    """Run `colorize-batch`; its start, which a server does once, is measured apart and taken off."""
    run = [
        *command("batch", "colorize_batch"),
        str(folder),
        "--out",
        str(out),
        "-q",
        "--on-exists",
        "overwrite",
    ]
    counts, seconds = (len(list(folder.iterdir())), STARTING), []
    for count in counts:
        started = time.perf_counter()
        subprocess.run([*run, "--limit", str(count)], check=True)
        seconds.append(time.perf_counter() - started)
    return (counts[0] - counts[1]) / (seconds[0] - seconds[1])


def load(
    address: str, contents: list[bytes], expected: dict[bytes, str], count: int, clients: int
) -> dict[str, Any]:
    """Let ``clients`` threads send ``count`` photographs."""
    outcome = Outcome()
    work = itertools.islice(itertools.cycle(contents), count)
    lock = threading.Lock()

    def send_all() -> None:
        connection = http.client.HTTPConnection(address, timeout=300)
        while True:
            with lock:
                content = next(work, None)
            if content is None:
                return
            send_one(connection, content, expected[content], outcome)

    threads = [threading.Thread(target=send_all) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    return {"images_per_second": count / seconds, "outcome": outcome}


def send_one(connection: http.client.HTTPConnection, content: bytes, expected: str, outcome: Outcome) -> None:
    """Send a photograph until it is taken."""
    while True:
        started = time.perf_counter()
        connection.request("POST", "/v1/colorize", content, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 429:
            outcome.seconds.append(time.perf_counter() - started)
            outcome.wrong += response.status != 200 or digest(answer) != expected
            return
        outcome.rejected += 1
        connection.close()  # the server may, too, before it is used again
        time.sleep(int(response.headers["Retry-After"]))


def digest(content: bytes) -> str:
    """Return what two equal files have in common."""
    return hashlib.sha256(content).hexdigest()


def resident_mb(server: subprocess.Popen[str]) -> float:
    """Return the memory of the server in MB, where the system tells."""
    if platform.system() != "Linux":
        return float("nan")
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000


def summary(case: Case, count: int, clients: int, rounds: list[Any]) -> dict[str, Any]:
    """Return medians of speeds, and of ratios taken within a round; and what all rounds together saw."""
    outcomes = [loads[clients]["outcome"] for _, loads, _ in rounds]
    speeds = [loads[clients]["images_per_second"] for _, loads, _ in rounds]
    seconds = np.concatenate([outcome.seconds for outcome in outcomes])
    speed = statistics.median(speeds)
    return {
        "case": case.name,
        "clients": clients,
        "requests": count * len(rounds),
        "images_per_second": round(speed, 1),
        "batch_images_per_second": round(statistics.median(batch for batch, _, _ in rounds), 1),
        "of_batch": round(
            statistics.median(own / batch for own, (batch, _, _) in zip(speeds, rounds, strict=True)), 2
        ),
        "p50_s": round(float(np.percentile(seconds, 50)), 3),
        "p99_s": round(float(np.percentile(seconds, 99)), 3),
        # what waits when one is taken, and itself
        "bound_s": round((QUEUE + (machine()["cores"] or 1)) / speed, 3),
        "rejected": sum(outcome.rejected for outcome in outcomes),
        "lost_or_wrong": count * len(rounds) - len(seconds) + sum(outcome.wrong for outcome in outcomes),
        "rss_mb": [round(memory) for _, _, memory in rounds],
    }


if __name__ == "__main__":
    main()
