"""Files that PyTorch runs: TorchScript, deprecated upstream but widely deployed, and its successor, pt2."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export.passes import move_to_device_pass

from colorize_gan.core.contract import HINTS_NAME, METADATA_KEY, ModelContract
from colorize_gan.core.errors import DeviceError, ModelError
from colorize_gan.core.hints import feeds
from colorize_gan.core.system.devices import cuda_number
from colorize_gan.core.system.memory import is_out_of_memory
from colorize_gan.infer.backends.protocol import check_inputs, sha256_of


class TorchBackend:
    """A loaded PyTorch program."""

    name = ""
    why = ""

    def __init__(self, model: Path, device: str) -> None:
        """Open ``model`` on ``device``, as `open_backend` takes it.

        Raises:
            ModelError: the file is damaged or has no contract.
            DeviceError: the CUDA device is not there.
        """
        cuda = cuda_number(device, torch.cuda.is_available)
        if cuda is not None and cuda >= torch.cuda.device_count():
            raise DeviceError(f"`device` cuda:{cuda}: PyTorch finds {torch.cuda.device_count()} CUDA devices")
        self.device = "cpu" if cuda is None else f"cuda:{cuda}"
        try:
            self._program, count, contract = self._load(model)
        except Exception as error:  # PyTorch raises whatever the damaged bytes make it raise
            raise ModelError(f"{model}: damaged, or not a {self.name} file") from error
        if not contract:
            raise ModelError(f"{model}: has no model contract; export it with colorize-export")
        self.contract = ModelContract.from_json(contract, str(model))
        check_inputs([self.contract.input_name, HINTS_NAME][:count], self.contract, model)
        self.precision, self.sha256 = self.contract.precision, sha256_of(model)

    def _load(self, model: Path) -> tuple[Any, int, str]:
        """Return the program, the number of its inputs and the JSON of its contract."""
        raise NotImplementedError

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """See `Backend.run`."""
        fed = [torch.from_numpy(each).to(self.device) for each in feeds(self.contract, inputs).values()]
        # TF32 rounds to 10 bits, which shows
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            try:
                return self._program(*fed).cpu().numpy()
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise MemoryError(str(error)) from error
                raise


class TorchScriptBackend(TorchBackend):
    """A frozen TorchScript module."""

    name = "torchscript"

    def _load(self, model: Path) -> tuple[Any, int, str]:
        extra = {METADATA_KEY: ""}
        with torchscript_deprecation_silenced():
            module = torch.jit.load(model, map_location=self.device, _extra_files=extra)
        return module, len(module.forward.schema.arguments) - 1, extra[METADATA_KEY]  # one is itself


class Pt2Backend(TorchBackend):
    """A program of `torch.export`."""

    name = "pt2"

    def _load(self, model: Path) -> tuple[Any, int, str]:
        extra = {METADATA_KEY: ""}
        program = torch.export.load(model, extra_files=extra)
        if self.device != "cpu":
            program = move_to_device_pass(program, self.device)
        # without guards: they refuse features of one pixel; the contract's size rule is what holds
        count = len(program.graph_signature.user_inputs)
        return program.module(check_guards=False), count, extra[METADATA_KEY]


@contextlib.contextmanager
def torchscript_deprecation_silenced() -> Iterator[None]:
    """Silence the one warning that every `torch.jit` call gives: that TorchScript is deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is (deprecated|not supported)")
        yield
