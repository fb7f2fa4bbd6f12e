"""TorchScript, for machines that have PyTorch. Deprecated upstream, still widely deployed."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from colorize_gan.color import FloatArray
from colorize_gan.contract import METADATA_KEY, ModelContract
from colorize_gan.devices import cuda_number
from colorize_gan.errors import DeviceError, ModelError

try:
    import torch
except ImportError as error:
    raise DeviceError(
        f"--backend torchscript: PyTorch is not installed ({error}); pip install torch, or use the .onnx file"
    ) from error


class TorchScriptBackend:
    """A frozen TorchScript module."""

    name = "torchscript"

    def __init__(self, model: Path, device: str) -> None:
        """Open ``model`` on ``device``, as `open_backend` takes it.

        Raises:
            ModelError: the file is damaged or has no contract.
            DeviceError: the CUDA device is not there.
        """
        cuda = cuda_number(device, torch.cuda.is_available)
        if cuda is not None and cuda >= torch.cuda.device_count():
            raise DeviceError(f"--device cuda:{cuda}: PyTorch finds {torch.cuda.device_count()} CUDA devices")
        self.device = "cpu" if cuda is None else f"cuda:{cuda}"
        extra = {METADATA_KEY: ""}
        try:
            with torchscript_deprecation_silenced():
                self._module = torch.jit.load(model, map_location=self.device, _extra_files=extra)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{model}: damaged, or not a TorchScript model") from error
        if not extra[METADATA_KEY]:
            raise ModelError(f"{model}: has no model contract; export it with colorize-export")
        self.contract = ModelContract.from_json(extra[METADATA_KEY], str(model))

    def predict_ab(self, lightness: FloatArray) -> FloatArray:
        """See `Backend.predict_ab`."""
        with torch.inference_mode():
            ab = self._module(torch.from_numpy(lightness).to(self.device))
        return cast(FloatArray, ab.cpu().numpy())


@contextlib.contextmanager
def torchscript_deprecation_silenced() -> Iterator[None]:
    """Silence the one warning that every `torch.jit` call gives: that TorchScript is deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is (deprecated|not supported)")
        yield
