"""Fixtures: real photographs from scikit-image, and a tiny seeded checkpoint with its exported files."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

try:
    import colorize_gan.core  # noqa: F401
except ImportError:
    pytest.exit("pip install -e '.[dev]' first, or run: make test")

import cv2
import skimage.data

from colorize_gan.core.contract import ModelContract


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what the colour gate remembers, here and in child processes, out of the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A colour photograph (400, 600, 3) uint8 RGB."""
    return skimage.data.coffee()


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten colour photographs: crops of three real ones."""
    folder = tmp_path_factory.mktemp("photos")
    for name, rgb in (
        ("coffee", skimage.data.coffee()),
        ("cat", skimage.data.chelsea()),
        ("astronaut", skimage.data.astronaut()),
    ):
        for index in range(4):
            crop = rgb[index * 20 : index * 20 + 200, index * 60 : index * 60 + 200]
            cv2.imwrite(str(folder / f"{name}{index}.png"), crop[..., ::-1])
    return folder


def lively_checkpoint(folder: Path, architecture: str, name: str, render_size: int) -> Path:
    """Save an untrained generator with lively statistics and colours."""
    import torch

    from colorize_gan.trainer.checkpoint import Checkpoint
    from colorize_gan.trainer.config import TrainConfig
    from colorize_gan.trainer.generators import build_generator

    torch.manual_seed(0)
    generator = build_generator(architecture)
    for module in generator.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    if architecture != "pix2pix":
        torch.nn.init.normal_(generator.head.weight, std=0.3)
    contract = ModelContract(name, architecture, render_size, size=generator.size_rule)
    config = TrainConfig.of({"arch": architecture, "name": name, "render_size": render_size})
    path = folder / f"{name}.pt"
    Checkpoint(contract, config, 0, generator.state_dict(), {}).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of an EfficientNet-Lite0 generator."""
    return lively_checkpoint(tmp_path_factory.mktemp("checkpoint"), "efficientnet_lite0", "tiny", 64)


@pytest.fixture(scope="session")
def exported(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny checkpoint as `onnx`, `torchscript` and `pt2` files."""
    from colorize_gan.exporter.export import ExportOptions, export_file

    options = ExportOptions(formats=("onnx", "torchscript", "pt2"))
    files = export_file(tiny_checkpoint, tmp_path_factory.mktemp("exported"), options)
    return {file.path.suffix[1:]: file.path for file in files}


@pytest.fixture(scope="session")
def hinted_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a generator that takes hints: a tiny Vision Transformer's."""
    return lively_checkpoint(tmp_path_factory.mktemp("hinted"), "dinov2_nano", "hinted", 64)


@pytest.fixture(scope="session")
def hinted(hinted_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """That checkpoint as `onnx`, `torchscript` and `pt2` files, whose colours a test compares."""
    from colorize_gan.exporter.export import ExportOptions, export_file

    options = ExportOptions(formats=("onnx", "torchscript", "pt2"), verify=False)
    files = export_file(hinted_checkpoint, tmp_path_factory.mktemp("hinted"), options)
    return {file.path.suffix[1:]: file.path for file in files}


@pytest.fixture(scope="session")
def pixels_file(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint as a pixels graph."""
    from colorize_gan.exporter.export import ExportOptions, export_file

    options = ExportOptions(formats=("onnx",), graph="pixels")
    [file] = export_file(exported["onnx"], tmp_path_factory.mktemp("pixels"), options)
    return file.path


@pytest.fixture
def lively() -> Callable[[Path, str, str, int], Path]:
    """`lively_checkpoint`, for tests of other architectures."""
    return lively_checkpoint
