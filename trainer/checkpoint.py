"""Checkpoints: weights, the state to resume from, and the contract, in one file."""

import dataclasses
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ModelError
from colorize_gan.core.files.atomic import atomic_path
from colorize_gan.core.files.paths import StrPath
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.generators import build_generator
from colorize_gan.trainer.network import Generator


@dataclass(frozen=True)
class Checkpoint:
    """One moment of a training run."""

    contract: ModelContract
    config: TrainConfig
    step: int
    generator: dict[str, Tensor]
    """Averaged weights: the ones to evaluate and export."""
    training: dict[str, Any]
    """State of the raw weights (`model`) and of the `optimizer`, to resume from."""

    def save(self, path: StrPath) -> None:
        """Write the checkpoint; an older one stays until this one is complete."""
        path = Path(path)
        state = vars(self) | {
            "contract": self.contract.to_json(),
            "config": dataclasses.asdict(self.config),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with atomic_path(path) as part:  # PyTorch's own writer has no OSError for a full disk
            part.write_bytes(buffer.getbuffer())


def load_checkpoint(path: StrPath) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        ModelError: missing, damaged, or not a checkpoint of this toolkit.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes make it raise
        raise ModelError(f"{path}: damaged, or not a checkpoint ({type(error).__name__})") from error
    try:
        contract = ModelContract.from_json(state.pop("contract"), str(path))
        return Checkpoint(contract=contract, config=TrainConfig(**state.pop("config")), **state)
    except (AttributeError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: not a colorize-gan checkpoint ({error})") from error


def load_generator(path: StrPath) -> tuple[Generator, ModelContract]:
    """Build the generator of a checkpoint in eval mode, with the contract that names the file's sha256.

    Raises:
        ModelError: no valid checkpoint, or its weights or its contract belong to another architecture.
    """
    path = Path(path)
    checkpoint = load_checkpoint(path)
    generator = build_generator(checkpoint.contract.architecture)
    try:
        load_weights(generator, checkpoint.generator, checkpoint.contract.architecture)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if checkpoint.contract.takes_hints and not generator.takes_hints:
        raise ModelError(f"{path}: its contract says hints, {checkpoint.contract.architecture} takes none")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    # the contract of an older checkpoint does not tell of hints
    contract = dataclasses.replace(
        checkpoint.contract, checkpoint_sha256=digest, takes_hints=generator.takes_hints
    )
    return generator.eval(), contract


def load_weights(generator: Generator, weights: dict[str, Tensor], architecture: str) -> None:
    """Put weights into a generator, all of them or none.

    Raises:
        ModelError: they belong to another architecture.
    """
    try:
        generator.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise ModelError(f"its weights are not those of {architecture}") from error
