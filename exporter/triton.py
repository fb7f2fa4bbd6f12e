"""A model repository for NVIDIA Triton Inference Server."""

import shutil
from pathlib import Path

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.files.paths import StrPath
from colorize_gan.exporter.export import ExportedFile

_MAX_BATCH = 16
_MAX_DELAY_MICROSECONDS = 2000

_CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: {max_batch}
input [ {inputs} ]
output [ {output} ]
{batching}"""
_BATCHING = f"dynamic_batching {{ max_queue_delay_microseconds: {_MAX_DELAY_MICROSECONDS} }}\n"


def write_triton_model(file: ExportedFile, repository: StrPath) -> Path:
    """Add an ONNX file to a model repository as version 1.

    Requests of one size share batches, but not those of a pixels graph: whole photographs take some 90 bytes
    of memory a pixel each.

    Returns:
        The folder of the model.
    """
    repository = Path(repository)
    folder = repository / file.path.stem
    (folder / "1").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.path, folder / "1" / "model.onnx")
    (folder / "config.pbtxt").write_text(_config(file.path.stem, file.contract), encoding="utf-8")
    return folder


def _config(name: str, contract: ModelContract) -> str:
    is_pixels = contract.graph == "pixels"
    # the batch axis is not listed; -1 is any length
    side = contract.size.minimum if contract.size.fixed else -1
    kinds = {channels: f"TYPE_FP32 dims: [ {channels}, {side}, {side} ]" for channels in (1, 2, 3)}
    image, hints, colored = kinds[1], kinds[3], kinds[2]
    if is_pixels:
        image = colored = "TYPE_UINT8 dims: [ -1, -1, 3 ]"
        hints = "TYPE_FP32 dims: [ -1, 5 ]"
    return _CONFIG.format(
        name=name,
        inputs=", ".join(map(_tensor, contract.input_names, (image, hints))),
        output=_tensor(contract.output_name, colored),
        max_batch=1 if is_pixels else _MAX_BATCH,
        batching="" if is_pixels else _BATCHING,
    )


def _tensor(name: str, kind: str) -> str:
    return f'{{ name: "{name}" data_type: {kind} }}'
