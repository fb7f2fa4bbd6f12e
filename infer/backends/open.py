"""Opening a model file on a runtime. A backend runs the file's graph and nothing else."""

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colorize_gan.core.errors import ColorizeError, ModelError, UsageError
from colorize_gan.core.extras import packages_for
from colorize_gan.core.files.paths import StrPath
from colorize_gan.core.system.devices import has_nvidia_driver
from colorize_gan.core.system.parallel import threads_for_each
from colorize_gan.infer.backends.bundled import BACKENDS_BY_SUFFIX
from colorize_gan.infer.backends.protocol import Backend

if TYPE_CHECKING:
    from colorize_gan.infer.backends.trial import Trial

_log = logging.getLogger(__name__)


def open_backend(
    model: StrPath,
    backend: str = "auto",
    device: str = "auto",
    *,
    gate: bool = True,
    pictures: int | None = None,
    begun_with: str = "",
) -> Backend:
    """Open a model file.

    Args:
        model: an exported file; a name is resolved by `find_model`.
        backend: a name in `BACKENDS_BY_SUFFIX`; ``native``: the file's own; or ``auto``: the one that
            `infer.backends.choice` takes, which is logged.
        device: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``: CUDA where it works, else the CPU.
        gate: whether another backend than the file's own has to give the colours of that one.
        pictures: how many are to be colorized; None for many. ``auto`` counts them, and ONNX Runtime uses
            several threads for each of a few.
        begun_with: name of the backend that earlier outputs were made on, for ``auto`` to stay with.

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
    if backend == "auto" and device in ("auto", "cpu") and len(installed_readers(model)) > 1:
        return _open_fastest(model, device, pictures, begun_with)
    name = readers[0] if backend in ("auto", "native") else backend
    opened = _load(model, name, device, threads_for_each(pictures))
    _check_runs(opened, model)
    if gate and name == "openvino":
        _check_colors(opened, model)
    return opened


def installed_readers(model: Path) -> list[str]:
    """Return the installed backends that read a model file, its own first, without importing them."""
    readers = BACKENDS_BY_SUFFIX[model.suffix]
    return [name for name in readers if name != "openvino" or importlib.util.find_spec(name) is not None]


def trials_of(model: Path) -> "list[Trial]":
    """Return how each installed backend does with a model file on this machine's CPU, its own first.

    Raises:
        ColorizeError: its own backend fails.
    """
    from colorize_gan.infer.backends.trial import recall_trials, try_backends

    names = installed_readers(model)
    return recall_trials(model, names) or try_backends(model, names, _loader(model))


def _load(model: Path, name: str, device: str, threads: int) -> Backend:
    if name == "onnxruntime":
        from colorize_gan.infer.backends.onnxruntime_backend import OnnxRuntimeBackend

        return OnnxRuntimeBackend(model, device, threads)
    if name == "openvino":
        with packages_for("`backend` openvino"):
            from colorize_gan.infer.backends.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(model, device)
    with packages_for(str(model)):
        from colorize_gan.infer.backends.torch_backends import Pt2Backend, TorchScriptBackend

    return TorchScriptBackend(model, device) if name == "torchscript" else Pt2Backend(model, device)


def _open_fastest(model: Path, device: str, pictures: int | None, begun_with: str) -> Backend:
    """Open a file that several backends read: on CUDA, or on the one that `choose_backend` takes."""
    own, *_ = names = installed_readers(model)
    if device == "auto" and has_nvidia_driver():
        opened = open_backend(model, own, device, pictures=pictures)
        if opened.device != "cpu":
            return _explained(opened, "CUDA works here")
    from colorize_gan.infer.backends.choice import choose_backend

    taken, why = choose_backend(model, names, _loader(model), pictures, begun_with)
    try:
        return _explained(open_backend(model, taken, "cpu", pictures=pictures), why)
    except ColorizeError as error:
        if taken == own:
            raise
        opened = open_backend(model, own, "cpu", pictures=pictures)
        return _explained(opened, f"{taken} is left out: {error}")


def _explained(opened: Backend, why: str) -> Backend:
    _log.info("auto takes %s: %s", opened.name, why)
    opened.why = why
    return opened


def _loader(model: Path) -> Callable[[str], Backend]:
    """Return what opens a model file on the CPU with a backend of that name."""
    return lambda name: open_backend(model, name, "cpu", gate=False)


def _check_colors(opened: Backend, model: Path) -> None:
    """See `check_colors`."""
    from colorize_gan.infer.backends.color_gate import check_colors

    check_colors(opened, model)


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
