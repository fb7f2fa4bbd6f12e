"""The processes of a run: one, or several that torchrun started, each with its share of every batch."""

import contextlib
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from colorize_gan.core.errors import ColorizeError, DeviceError, UsageError
from colorize_gan.core.system.devices import cuda_number

_T = TypeVar("_T")
_TIMEOUT = datetime.timedelta(hours=2)  # the others wait while the first one evaluates


@dataclass(frozen=True)
class Processes:
    """This process among those of the run, and its device."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Tell whether this is the process that logs, evaluates and saves."""
        return self.rank == 0

    def share(self, batch: Sequence[_T]) -> Sequence[_T]:
        """Return what this process takes of a batch."""
        return batch[self.rank :: self.count]

    def check_batch_size(self, batch_size: int) -> None:
        """Raise a `UsageError` unless each process gets the same share, of two or more (BatchNorm)."""
        if batch_size % self.count or batch_size // self.count < 2:
            raise UsageError(
                f"`batch_size` {batch_size}: counts the photographs of all {self.count} processes; "
                f"use a multiple of {self.count}, of {2 * self.count} or more"
            )

    def replicate(self, module: nn.Module) -> nn.Module:
        """Return ``module`` with its gradients averaged over the processes; its parameters stay its own."""
        if self.count == 1:
            return module
        if self.device.type == "cuda":  # PyTorch has no synchronised BatchNorm for CPUs
            # timm's own: PyTorch's would drop the activations that timm's layers have in them
            convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(module, forward_sync_buffers=False)

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """Average named numbers over the processes, which all give the same names."""
        if self.count == 1:
            return dict(values)
        total = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return dict(zip(values, (total / self.count).tolist(), strict=True))

    def raise_together(self, error: ColorizeError | None) -> None:
        """Raise the error that one of the processes has in all of them, so that none waits for the others."""
        if self.any(error is not None):
            raise error or ColorizeError("another process of the run failed and says why")

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in one of the processes."""
        return self.mean({"flag": float(flag)})["flag"] > 0


@contextlib.contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be the only one.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; under torchrun each process takes the GPU of its
            local rank.

    Raises:
        UsageError: no such device name.
        DeviceError: the CUDA device is not there.
    """
    found = _find_device(device)
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    if launched and found.type == "cuda":
        found = _find_device(f"cuda:{os.environ['LOCAL_RANK']}")
    if found.type == "cuda":
        torch.cuda.set_device(found)
    if not launched:
        yield Processes(found)
        return
    dist.init_process_group("nccl" if found.type == "cuda" else "gloo", timeout=_TIMEOUT)
    yield Processes(found, dist.get_rank(), dist.get_world_size())
    # not after an error: the others may never come here
    dist.barrier()
    dist.destroy_process_group()


def _find_device(device: str) -> torch.device:
    number = cuda_number(device, torch.cuda.is_available)
    if number is None:
        return torch.device("cpu")
    if number >= torch.cuda.device_count():
        raise DeviceError(f"`device` {device}: PyTorch finds {torch.cuda.device_count()} CUDA devices")
    return torch.device("cuda", number)
