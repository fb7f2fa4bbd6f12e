"""Opening a model file on a runtime. A backend runs the file's graph and nothing else."""

import importlib.util
import logging
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.core.errors import ColorizeError, DeviceError, ModelError, UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.devices import has_nvidia_driver
from colorize_gan.infer.backends.bundled import BACKENDS_BY_SUFFIX
from colorize_gan.infer.backends.protocol import Backend

_log = logging.getLogger(__name__)


def open_backend(
    model: StrPath, backend: str = "auto", device: str = "auto", *, gate: bool = True
) -> Backend:
    """Open a model file.

    Args:
        model: an exported file; a name is resolved by `find_model`.
        backend: a name in `BACKENDS_BY_SUFFIX`; ``native``: the file's own; or ``auto``: the fastest that
            gives the same colours here, which it logs.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: CUDA where it works, else the CPU.
        gate: whether another backend than the file's own has to give the colours of that one.

    Raises:
        ModelError: missing, damaged, without a contract, or giving colours that are not finite.
        MissingPackageError: the runtime is not installed.
        DeviceError: the device is not available, or the runtime does not work here.
        UsageError: the backend cannot read this kind of file, or no such device name.
        VerificationError: the backend was asked for, and does not pass the gate.
    """
    model = Path(model)
    readers = BACKENDS_BY_SUFFIX.get(model.suffix)
    if readers is None:
        raise ModelError(f"{model}: not a model file ({', '.join(BACKENDS_BY_SUFFIX)})")
    if backend not in ("auto", "native", *readers):
        raise UsageError(f"`backend` {backend}: cannot read {model.name}, which needs {' or '.join(readers)}")
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")
    if backend == "auto" and "openvino" in readers and device in ("auto", "cpu") and _has_openvino():
        return _open_fastest(model, device)
    name = readers[0] if backend in ("auto", "native") else backend
    opened = _load(model, name, device)
    _check_runs(opened, model)
    if gate and name == "openvino":
        _check_colors(opened, model)
    return opened


def _load(model: Path, name: str, device: str) -> Backend:
    if name == "onnxruntime":
        from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, device)
    if name == "openvino":
        with packages_for("`backend` openvino"):
            from colorize_gan.infer.backends.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(model, device)
    with packages_for(str(model)):
        from colorize_gan.infer.backends.torch_backends import Pt2Backend, TorchScriptBackend

    return TorchScriptBackend(model, device) if name == "torchscript" else Pt2Backend(model, device)


def _has_openvino() -> bool:
    """Tell without importing it."""
    return importlib.util.find_spec("openvino") is not None


def _open_fastest(model: Path, device: str) -> Backend:
    """Open an ONNX file on CUDA, on OpenVINO if that is faster and passes the gate, or on ONNX Runtime."""
    if device == "auto" and has_nvidia_driver():
        opened = open_backend(model, "onnxruntime", device)
        if opened.device != "cpu":
            return opened
    try:
        return _open_in_bf16(model)
    except ColorizeError as error:
        _log.info("auto takes onnxruntime: %s", error)
    return open_backend(model, "onnxruntime", "cpu")


def _open_in_bf16(model: Path) -> Backend:
    """Open an ONNX file on OpenVINO.

    Raises:
        ColorizeError: it cannot, does not pass the gate, or would not compute in bfloat16.
    """
    opened = _load(model, "openvino", "cpu")
    if opened.precision != "bf16":
        raise DeviceError("OpenVINO would not compute this file in bfloat16 here, and is no faster otherwise")
    _check_runs(opened, model)
    record = _check_colors(opened, model)
    _log.info("auto takes openvino: bfloat16 is faster here, CIEDE2000 p99 %s to onnxruntime", record["p99"])
    return opened


def _check_colors(opened: Backend, model: Path) -> dict[str, Any]:
    """See `check_colors`."""
    from colorize_gan.infer.backends.color_gate import check_colors

    return check_colors(opened, model)


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
            f"{model}: does not run on {backend.name} ({type(error).__name__}); damaged, or not its contract"
        ) from error
    if outputs.shape != expected or not np.isfinite(outputs).all():
        raise ModelError(f"{model}: does not give finite values of the contract's shape")
