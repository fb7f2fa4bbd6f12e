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
from filelock import FileLock

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
        elif isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    if architecture != "pix2pix":
        torch.nn.init.normal_(generator.head.weight, std=0.3)
    contract = ModelContract(name, architecture, render_size, size=generator.size_rule)
    config = TrainConfig.of({"arch": architecture, "name": name, "render_size": render_size})
    path = folder / f"{name}.pt"
    Checkpoint(contract, config, 0, generator.state_dict(), {}).save(path)
    return path


class Exports(dict[str, Path]):
    """A checkpoint's files by format, each made when a test first asks for it.

    The workers of a run share them: one exports, the others wait for it.
    """

    def __init__(self, checkpoint: Path, folder: Path, *, verify: bool) -> None:
        """Name the checkpoint and the folder of its files, one of all workers."""
        super().__init__()
        self._checkpoint, self._folder, self._verify = checkpoint, folder, verify

    def __missing__(self, format_: str) -> Path:
        """Export it, or find what another worker exported."""
        from colorize_gan.exporter.export import ExportOptions, export_file

        self._folder.mkdir(exist_ok=True)
        with FileLock(self._folder / f"{format_}.lock"):
            self[format_] = self._folder / f"{self._checkpoint.stem}.{format_}"
            if not self[format_].exists():
                options = ExportOptions(formats=(format_,), verify=self._verify)
                list(export_file(self._checkpoint, self._folder, options))
        return self[format_]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all workers of this run of the tests."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def shared_checkpoint(run_folder: Path, architecture: str, name: str) -> Path:
    """Save a `lively_checkpoint`, or find that of another worker."""
    path = run_folder / f"{name}.pt"
    with FileLock(path.with_suffix(".lock")):
        return path if path.exists() else lively_checkpoint(run_folder, architecture, name, 64)


@pytest.fixture(scope="session")
def tiny_checkpoint(run_folder: Path) -> Path:
    """A checkpoint of a generator over one of timm's smallest networks."""
    return shared_checkpoint(run_folder, "test_efficientnet", "tiny")


@pytest.fixture(scope="session")
def exported(tiny_checkpoint: Path, run_folder: Path) -> Exports:
    """The tiny checkpoint as `onnx`, `torchscript` and `pt2` files."""
    return Exports(tiny_checkpoint, run_folder / "exported", verify=True)


@pytest.fixture(scope="session")
def hinted_checkpoint(run_folder: Path) -> Path:
    """A checkpoint of a generator that takes hints: a tiny Vision Transformer's."""
    return shared_checkpoint(run_folder, "dinov2_nano", "hinted")


@pytest.fixture(scope="session")
def hinted(hinted_checkpoint: Path, run_folder: Path) -> Exports:
    """That checkpoint as `onnx`, `torchscript` and `pt2` files, whose colours a test compares."""
    return Exports(hinted_checkpoint, run_folder / "hinted", verify=False)


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
