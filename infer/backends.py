"""Opening a model file on a runtime. A backend turns lightness into ab and nothing else."""

from pathlib import Path
from typing import Protocol

import numpy as np

from colorize_gan.color import FloatArray
from colorize_gan.contract import ModelContract
from colorize_gan.errors import ModelError, UsageError

BACKENDS_BY_SUFFIX = {".onnx": "onnxruntime", ".torchscript": "torchscript"}


class Backend(Protocol):
    """A loaded model."""

    name: str
    """`onnxruntime` or `torchscript`."""
    device: str
    """The device in use: `cpu` or `cuda:N`."""
    contract: ModelContract

    def predict_ab(self, lightness: FloatArray) -> FloatArray:
        """Return CIE ab ``(N, 2, H, W)`` for CIE L* ``(N, 1, H, W)``; sizes as the contract says.

        May be called from several threads at once.
        """


def open_backend(model: Path, backend: str = "auto", device: str = "auto") -> Backend:
    """Open a model file.

    Args:
        model: an exported file; a name is resolved by `find_model`.
        backend: ``onnxruntime``, ``torchscript`` or ``auto``: what the file's suffix says.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: CUDA where it works, else the CPU.

    Raises:
        ModelError: missing, damaged, without a contract, or giving colours that are not finite.
        DeviceError: the device or the runtime is not available.
        UsageError: the backend cannot read this kind of file, or no such device name.
    """
    wanted = _backend_for(model, backend)
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    opened: Backend
    if wanted == "onnxruntime":
        from colorize_gan.infer.onnxruntime_backend import OnnxRuntimeBackend

        opened = OnnxRuntimeBackend(model, device)
    else:
        from colorize_gan.infer.torchscript_backend import TorchScriptBackend

        opened = TorchScriptBackend(model, device)
    _check_runs(opened, model)
    return opened


def _backend_for(model: Path, backend: str) -> str:
    native = BACKENDS_BY_SUFFIX.get(model.suffix)
    if native is None:
        raise ModelError(f"{model}: not a model file (.onnx or .torchscript)")
    if backend not in ("auto", native):
        raise UsageError(f"--backend {backend}: cannot read {model.name}, which needs {native}")
    return native


def _check_runs(backend: Backend, model: Path) -> None:
    """Run the smallest input once, so that a broken model stops the run before any work."""
    size = backend.contract.size.minimum
    lightness = np.full((1, 1, size, size), 50, np.float32)
    ab = backend.predict_ab(lightness)
    if ab.shape != (1, 2, size, size) or not np.isfinite(ab).all():
        raise ModelError(f"{model}: does not give finite ab values of the contract's shape")
