"""ONNX Runtime, on the CPU or on CUDA."""

import logging
from pathlib import Path
from typing import Any, cast

import numpy as np

from colorize_gan.core.contract import METADATA_KEY, ModelContract
from colorize_gan.core.errors import DeviceError, ModelError
from colorize_gan.core.hints import feeds
from colorize_gan.core.system.devices import cuda_number, has_nvidia_driver, has_vnni
from colorize_gan.core.system.memory import is_out_of_memory
from colorize_gan.core.system.process import telemetry_off
from colorize_gan.infer.backends.protocol import check_inputs, sha256_of

with telemetry_off():
    import onnxruntime

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_log = logging.getLogger(__name__)
_CUDA_SETTINGS = {
    "cudnn_conv_algo_search": "HEURISTIC",  # an exhaustive one would be made again for each new size
    "cudnn_conv_use_max_workspace": "1",  # with little workspace cuDNN leaves its fast algorithms out
    "arena_extend_strategy": "kSameAsRequested",  # doubling takes memory that a larger batch could use
    "use_tf32": "0",  # its 10 bits show
}
_SPINNING = "session.intra_op.allow_spinning"
_EXACT_INT8 = "session.x64quantprecision"  # else sums of products saturate without VNNI; with it, only slower
_SILENT = 4  # only fatal messages: every other one comes back as an exception, with the file's name


class OnnxRuntimeBackend:
    """A session that runs on the calling thread: parallelism comes from calling it on many images.

    With ``threads``, others help.
    """

    name = "onnxruntime"
    why = ""

    def __init__(self, model: Path, device: str, threads: int = 1) -> None:
        """Open ``model`` on ``device``, as `open_backend` takes it.

        Up to `MOST_THREADS` give the same bits as one.

        Raises:
            ModelError: the file is damaged or has no contract.
            DeviceError: the CUDA device cannot be used.
        """
        cuda = cuda_number(device, _cuda_works)
        try:
            self._session = _open_session(model, cuda, threads)
        except DeviceError as error:
            if device != "auto":
                raise
            _log.warning("running on the CPU: %s", error)
            cuda = None
            self._session = _open_session(model, cuda, threads)
        self._cuda = cuda
        self.device = "cpu" if cuda is None else f"cuda:{cuda}"
        metadata = self._session.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in metadata:
            raise ModelError(f"{model}: has no model contract; export it with colorize-export")
        self.contract = ModelContract.from_json(metadata[METADATA_KEY], str(model))
        self.precision, self.sha256 = self.contract.precision, sha256_of(model)
        check_inputs([node.name for node in self._session.get_inputs()], self.contract, model)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        fed = feeds(self.contract, inputs)
        try:
            if self._cuda is not None:
                return self._run_on_cuda(fed, self._cuda)
            outputs = self._session.run([self.contract.output_name], fed)
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(_first_line(error)) from error
            raise
        return cast(np.ndarray, outputs[0])

    def _run_on_cuda(self, fed: dict[str, np.ndarray], cuda: int) -> np.ndarray:
        """Run with the output left on the device until it is copied, once, in whole."""
        binding = self._session.io_binding()  # one a call: callers share nothing
        for name, inputs in fed.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(inputs))
        binding.bind_output(self.contract.output_name, "cuda", cuda)
        self._session.run_with_iobinding(binding)
        return cast(np.ndarray, binding.copy_outputs_to_cpu()[0])


def _open_session(model: Path, cuda: int | None, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads
    options.add_session_config_entry(_SPINNING, "0")  # threads that wait in loops slow a busy machine
    options.add_session_config_entry(_EXACT_INT8, "0" if has_vnni() else "1")
    providers: list[Any] = [_CPU]
    if cuda is not None:
        _require_cuda()
        providers = [(_CUDA, {"device_id": str(cuda), **_CUDA_SETTINGS}), _CPU]
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=providers)
    except Exception as error:  # its exceptions have no common base of their own
        if cuda is not None and "CUDA" in str(error):
            raise DeviceError(f"`device` cuda:{cuda}: {_first_line(error)}") from error
        if is_out_of_memory(error):
            raise ModelError(f"{model}: there is not enough memory to open it") from error
        raise ModelError(f"{model}: damaged, or not an ONNX model ({_first_line(error)})") from error
    # ONNX Runtime only logs when a provider fails to load, and runs on the CPU (onnxruntime#23372)
    if cuda is not None and session.get_providers()[0] != _CUDA:
        raise DeviceError(
            f"`device` cuda:{cuda}: ONNX Runtime could not load CUDA and cuDNN; "
            "pip install 'colorize-gan[cuda]', or use `device` cpu"
        )
    return session


def _require_cuda() -> None:
    if _CUDA not in onnxruntime.get_available_providers():
        raise DeviceError("`device` cuda: this onnxruntime has no CUDA; pip install onnxruntime-gpu")
    if not has_nvidia_driver():
        raise DeviceError("`device` cuda: no NVIDIA driver on this machine; use `device` cpu")
    onnxruntime.preload_dlls()  # the CUDA and cuDNN wheels of the [cuda] extra


def _cuda_works() -> bool:
    return _CUDA in onnxruntime.get_available_providers() and has_nvidia_driver()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
