"""Opening a model file on a runtime. A backend runs the file's graph and nothing else."""

from pathlib import Path
from typing import Protocol

import numpy as np

from colorize_gan.contract import ModelContract
from colorize_gan.errors import ModelError, UsageError
from colorize_gan.infer.models import BACKENDS_BY_SUFFIX


class Backend(Protocol):
    """A loaded model."""

    name: str
    """One of the names in `BACKENDS_BY_SUFFIX`."""
    device: str
    """The device in use: `cpu` or `cuda:N`."""
    contract: ModelContract
    precision: str
    """What it computes in: the contract's precision, or ``bf16`` where the backend rounds to that."""

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
        backend: a name in `BACKENDS_BY_SUFFIX`, or ``auto``: the file's own.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: CUDA where it works, else the CPU.

    Raises:
        ModelError: missing, damaged, without a contract, or giving colours that are not finite.
        DeviceError: the device or the runtime is not available.
        UsageError: the backend cannot read this kind of file, or no such device name.
    """
    readers = BACKENDS_BY_SUFFIX.get(model.suffix)
    if readers is None:
        raise ModelError(f"{model}: not a model file ({', '.join(BACKENDS_BY_SUFFIX)})")
    if backend not in ("auto", *readers):
        raise UsageError(f"--backend {backend}: cannot read {model.name}, which needs {' or '.join(readers)}")
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    opened = _open(model, readers[0] if backend == "auto" else backend, device)
    _check_runs(opened, model)
    return opened


def is_out_of_memory(error: Exception) -> bool:
    """Tell by its text: ONNX Runtime and OpenVINO have one exception for all that goes wrong in a kernel."""
    text = str(error).lower()
    return any(
        sign in text for sign in ("failed to allocate", "out of memory", "bad_alloc", "bad allocation")
    )


def _open(model: Path, backend: str, device: str) -> Backend:
    if backend == "onnxruntime":
        from colorize_gan.infer.onnxruntime_backend import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, device)
    if backend == "openvino":
        from colorize_gan.infer.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(model, device)
    from colorize_gan.infer.torch_backends import Pt2Backend, TorchScriptBackend

    return TorchScriptBackend(model, device) if backend == "torchscript" else Pt2Backend(model, device)


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
