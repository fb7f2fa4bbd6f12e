"""The Ray cluster that a run is on: reaching it, and what is asked of it."""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from colorize_gan.core.errors import DeviceError
from colorize_gan.infer.colorizer import GPU_BATCH

_log = logging.getLogger(__name__)

_REACHED = 10  # seconds to reach a cluster
_STORE = 80 << 20  # bytes, for the model: Ray's least is 75 MiB, its own choice 30 % of the memory


class Need(NamedTuple):
    """The resources to ask Ray for."""

    workers: int
    cpus: float
    """A worker."""
    gpus: float
    """A worker."""
    threads: int
    """Images in progress at once in a worker."""


def needed(
    machines: Sequence[Mapping[str, float]], device: str, workers: int | None, batch_size: int | None
) -> Need:
    """Return what a run asks for.

    Args:
        machines: resources of each, by Ray's names.
        device: ``cuda`` takes a GPU a worker and its share of the machine's cores, else a worker is a core.
        workers: None for all that the machines hold.
        batch_size: images that the network sees at once; None for the device's own.

    Raises:
        DeviceError: there is no such machine.
    """
    name = "GPU" if device == "cuda" else "CPU"
    fit = [machine for machine in machines if machine.get(name, 0) >= 1]
    if not fit and not workers:
        raise DeviceError(f"the cluster has no {name}; set `workers` to wait for one")
    count = workers or sum(int(machine[name]) for machine in fit)
    if name == "CPU":
        batch = batch_size or 1
        return Need(count, 1, 0, 1 if batch == 1 else 2 * batch)
    share = min((machine.get("CPU", 0) // machine["GPU"] for machine in fit), default=1)
    return Need(count, max(1, share), 1, 2 * (batch_size or GPU_BATCH))


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one of this machine, for the time of the block.

    Ray tells what it does where this module's log is shown from INFO on.

    Raises:
        DeviceError: it cannot be reached.
    """
    verbose = _log.isEnabledFor(logging.INFO)
    address = address or os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {} if address else {"include_dashboard": False, "object_store_memory": _STORE}
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if found := re.fullmatch(r"([^/]+):(\d+)", address or ""):
            socket.create_connection((found[1], int(found[2])), _REACHED).close()  # Ray tries for minutes
        ray.init(
            address=address or "local",
            log_to_driver=verbose,
            logging_level=logging.INFO if verbose else logging.ERROR,
            **own,
        )
    except (OSError, RuntimeError, ValueError, RayError) as error:
        reason = " ".join(str(error).split())
        if reason.startswith("Failed to connect"):  # it is there
            reason += "; RAY_AUTH_MODE=token and RAY_AUTH_TOKEN are for one that wants a token"
        raise DeviceError(f"no Ray cluster at {address or 'this machine'}: {reason}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray's own would end the run at once
    try:
        yield
    finally:
        ray.shutdown()


def machines() -> list[Mapping[str, float]]:
    """Return the resources of each machine, by Ray's names."""
    return [machine["Resources"] for machine in ray.nodes() if machine["Alive"]]
