"""From a checkpoint to verified files."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import nn

from colorize_gan.contract import ModelContract
from colorize_gan.errors import VerificationError
from colorize_gan.exporter import FORMATS
from colorize_gan.exporter.formats import build_onnx, build_torchscript, save_onnx, save_torchscript
from colorize_gan.exporter.parity import check_parity
from colorize_gan.images import atomic_path
from colorize_gan.infer.backends import open_backend
from colorize_gan.trainer.checkpoint import load_generator
from colorize_gan.trainer.evaluate import torch_predictor

FLOOR_FP32 = 0.1
"""Largest CIEDE2000 99th percentile of a file that holds the float32 weights."""
FLOOR_HALF_WEIGHTS = 0.5
"""The same, for float16-stored weights."""


@dataclass(frozen=True)
class ExportedFile:
    """A file that passed the parity gate."""

    path: Path
    contract: ModelContract


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    formats: Sequence[str] = FORMATS,
    opset: int = 18,
    half_weights: bool = False,
    max_delta_e: float | None = None,
) -> list[ExportedFile]:
    """Write a checkpoint's generator into ``out`` and prove each file equal to it.

    Args:
        checkpoint: file of a training run.
        out: folder, created when missing; files are named after the contract.
        formats: of `FORMATS`.
        opset: ONNX operator set.
        half_weights: store ONNX weights as float16.
        max_delta_e: floor of the parity gate; None for the precision's own.

    Raises:
        ModelError: the checkpoint cannot be used.
        VerificationError: a file gives other colours; it is not kept.
    """
    generator, contract = load_generator(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for format_ in formats:
        path = out / f"{contract.name}.{format_}"
        if format_ == "onnx":
            floor = max_delta_e or (FLOOR_HALF_WEIGHTS if half_weights else FLOOR_FP32)
            model = build_onnx(generator, contract, opset=opset, half_weights=half_weights)
            proven = _save_verified(partial(save_onnx, model), generator, contract, path, floor)
        else:
            module = build_torchscript(generator, contract)
            save = partial(save_torchscript, module)
            proven = _save_verified(save, generator, contract, path, max_delta_e or FLOOR_FP32)
        files.append(ExportedFile(path, proven))
    return files


def _save_verified(
    save: Callable[[ModelContract, Path], None],
    generator: nn.Module,
    contract: ModelContract,
    path: Path,
    floor: float,
) -> ModelContract:
    """Save beside ``path``, compare through the users' own loader, add the record, then rename.

    Returns:
        The contract with the record, as it is in the file.
    """
    with atomic_path(path) as part:
        save(contract, part)
        backend = open_backend(part, device="cpu")
        try:
            record = check_parity(torch_predictor(generator), backend.predict_ab, contract.size, floor)
        except VerificationError as error:
            raise VerificationError(f"{path.name}: {error}; the file was not kept") from error
        record["verified_on"] = f"{backend.name} {backend.device}"
        proven = dataclasses.replace(contract, parity=record)
        save(proven, part)
    return proven
