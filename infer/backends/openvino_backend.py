"""OpenVINO, on the CPU: faster than ONNX Runtime where the CPU computes in bfloat16."""

from pathlib import Path
from typing import Any, cast

import numpy as np

from colorize_gan.core.contract import METADATA_KEY, ModelContract
from colorize_gan.core.errors import DeviceError, ModelError
from colorize_gan.core.hints import feeds
from colorize_gan.core.system.devices import cuda_number
from colorize_gan.core.system.memory import is_out_of_memory
from colorize_gan.core.system.process import telemetry_off
from colorize_gan.core.system.scheduling import scheduling_kept
from colorize_gan.infer.backends.protocol import check_inputs, sha256_of

with telemetry_off():
    import openvino
    from openvino.frontend import FrontEndManager

_CONTRACT_PATH = ["framework", METADATA_KEY]  # where the frontend keeps ONNX metadata_props


class OpenVinoBackend:
    """Compiled copies of a graph, each of one thread, as many as there were callers at once.

    There are several copies because OpenVINO serialises the callers of one. Its unit of parallelism is a
    stream, a thread of its own, and it makes no more of them than it sees cores.
    """

    name = "openvino"
    device = "cpu"
    why = ""

    def __init__(self, model: Path, device: str) -> None:
        """Open ``model`` on ``device``, as `open_backend` takes it.

        Raises:
            ModelError: the file is damaged, has no contract, or is not for OpenVINO.
            DeviceError: not the CPU.
        """
        if cuda_number(device, lambda: False) is not None:
            raise DeviceError(f"`device` {device}: OpenVINO runs on the CPU; use `backend` onnxruntime")
        try:
            # not Core.read_model: it tries all other frontends on a damaged file, and they log
            frontend = FrontEndManager().load_by_framework("onnx")
            self._graph = frontend.convert(frontend.load(str(model)))
        except Exception as error:  # the frontend's exceptions have no common base of their own
            raise ModelError(
                f"{model}: damaged, or not an ONNX model that OpenVINO reads ({type(error).__name__})"
            ) from error
        self.contract, self.sha256 = _contract_of(self._graph, model), sha256_of(model)
        try:
            self._core = openvino.Core()
            self.precision = self._precision()
        except RuntimeError as error:
            raise DeviceError(
                f"`backend` openvino: does not work here ({str(error).splitlines()[0]}); "
                "use `backend` onnxruntime"
            ) from error
        self._idle: list[Any] = []

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        # one by one: on one thread a batch is no faster, and kernels differ with its size
        return np.concatenate([self._run_one(inputs[index : index + 1]) for index in range(len(inputs))])

    def _run_one(self, inputs: np.ndarray) -> np.ndarray:
        try:
            request = self._idle.pop()
        except IndexError:  # all are running
            request = None
        try:
            with scheduling_kept():  # it may tie the calling thread to one CPU
                request = request or self._compile()
                outputs = request.infer(feeds(self.contract, inputs))[self.contract.output_name]
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise
        self._idle.append(request)
        return cast(np.ndarray, outputs)

    def _precision(self) -> str:
        """Return the number format to compute in.

        A pixels graph has colour arithmetic, which bfloat16's 8 bits would ruin; an int8 one is no faster
        for it.
        """
        has_bf16 = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if has_bf16 and self.contract.graph == "lab" and self.contract.precision != "int8":
            return "bf16"
        return self.contract.precision

    def _compile(self) -> Any:
        # without CACHE_DIR: a damaged file in it gives other colours, and no error
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # it would move all calling threads to the first core
        }
        return self._core.compile_model(self._graph, "CPU", settings).create_infer_request()


def _contract_of(graph: Any, model: Path) -> ModelContract:
    if not graph.has_rt_info(_CONTRACT_PATH):
        raise ModelError(f"{model}: has no model contract; export it with colorize-export")
    contract = ModelContract.from_json(graph.get_rt_info(_CONTRACT_PATH).astype(str), str(model))
    check_inputs([node.any_name for node in graph.inputs], contract, model)
    return contract
