"""The protocol of a backend: it runs the graph of a model file and nothing else."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError
from colorize_gan.core.files.paths import StrPath


class Backend(Protocol):
    """A loaded model."""

    name: str
    """One of the names in `BACKENDS_BY_SUFFIX`."""
    device: str
    """The device in use: `cpu` or `cuda:N`."""
    contract: ModelContract
    sha256: str
    """Digest of the model's file, in hexadecimal."""
    precision: str
    """The precision it computes in: the contract's, or ``bf16`` where the backend rounds to that."""
    why: str
    """Why `open_backend` took it; empty where it was asked for, or is the only one."""

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Run the graph; sizes as the contract says.

        A ``lab`` graph takes CIE L* ``(N, 1, H, W)`` and returns CIE ab ``(N, 2, H, W)``, float32; one that
        takes hints also takes ``(N, 4, H, W)``, as `colorize_gan.core.hints.join_hints` makes them. A
        ``pixels`` graph takes sRGB uint8 ``(N, H, W, 3)`` and returns the same. May be called from several
        threads at once.
        """


@dataclass
class RunBackend:
    """A function in the place of a `Backend`: a generator without a file, or in another process."""

    contract: ModelContract
    run: Callable[[np.ndarray], np.ndarray]
    name: str = "eager"
    device: str = "cpu"
    precision: str = "fp32"
    sha256: str = ""
    why: str = field(default="", compare=False)


def check_inputs(found: Sequence[str], contract: ModelContract, model: Path) -> None:
    """Refuse a graph whose inputs are not those of its contract.

    Raises:
        ModelError: so it is.
    """
    if tuple(found) != contract.input_names:
        graph, promised = (", ".join(names) for names in (found, contract.input_names))
        raise ModelError(
            f"{model}: its graph takes {graph}, its contract says {promised}; export the model again"
        )


def sha256_of(model: StrPath) -> str:
    """Return the digest of a model's file."""
    model = Path(model)
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
