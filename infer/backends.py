"""Opening a model file on a runtime. A backend runs the file's graph and nothing else."""

from pathlib import Path
from typing import Protocol

import numpy as np

from colorize_gan.contract import ModelContract
from colorize_gan.errors import ModelError, UsageError

BACKENDS_BY_SUFFIX = {".onnx": "onnxruntime", ".torchscript": "torchscript", ".pt2": "pt2"}


class Backend(Protocol):
    """A loaded model."""

    name: str
    """One of the values of `BACKENDS_BY_SUFFIX`."""
    device: str
    """The device in use: `cpu` or `cuda:N`."""
    contract: ModelContract

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Run the graph; sizes as the contract says.

        A ``lab`` graph takes CIE L* ``(N, 1, H, W)`` and returns CIE ab ``(N, 2, H, W)``, float32; a
        ``pixels`` graph takes sRGB uint8 ``(N, H, W, 3)`` and returns the same. May be called from several
        threads at once.
        """


def open_backend(model: Path, backend: str = "auto", device: str = "auto") -> Backend:
    """Open a model file.

    Args:
        model: an exported file; a name is resolved by `find_model`.
        backend: a value of `BACKENDS_BY_SUFFIX`, or ``auto``: what the file's suffix says.
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
        from colorize_gan.infer.torch_backends import Pt2Backend, TorchScriptBackend

        opened = TorchScriptBackend(model, device) if wanted == "torchscript" else Pt2Backend(model, device)
    _check_runs(opened, model)
    return opened


def _backend_for(model: Path, backend: str) -> str:
    native = BACKENDS_BY_SUFFIX.get(model.suffix)
    if native is None:
        raise ModelError(f"{model}: not a model file ({', '.join(BACKENDS_BY_SUFFIX)})")
    if backend not in ("auto", native):
        raise UsageError(f"--backend {backend}: cannot read {model.name}, which needs {native}")
    return native


def _check_runs(backend: Backend, model: Path) -> None:
    """Run the smallest input once, so that a broken model stops the run before any work."""
    size = backend.contract.size.minimum
    if backend.contract.graph == "pixels":
        inputs, expected = np.full((1, size, size, 3), 128, np.uint8), (1, size, size, 3)
    else:
        inputs, expected = np.full((1, 1, size, size), 50, np.float32), (1, 2, size, size)
    try:
        outputs = backend.run(inputs)
    except Exception as error:  # each runtime has its own
        raise ModelError(
            f"{model}: does not run ({type(error).__name__}); damaged, or not its contract"
        ) from error
    if outputs.shape != expected or not np.isfinite(outputs).all():
        raise ModelError(f"{model}: does not give finite values of the contract's shape")
