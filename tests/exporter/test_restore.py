"""An exported file becomes a checkpoint again: with the same colours, and fit for training."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from colorize_gan.cli.export import colorize_export
from colorize_gan.core.errors import ModelError
from colorize_gan.core.hints import join_hints, random_hints
from colorize_gan.exporter.formats import save_onnx
from colorize_gan.exporter.restore import restore_checkpoint
from colorize_gan.exporter.source import load_source
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.trainer.checkpoint import load_checkpoint, load_generator
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.data import TrainingCrops
from colorize_gan.trainer.loop import Trainer


@pytest.mark.parametrize("files", ["exported", "hinted"])
def test_restored_generator_gives_the_colors_of_its_file(
    files: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file = request.getfixturevalue(files)["onnx"]
    source = load_source(restore_checkpoint(file, tmp_path / "restored.pt"))
    lightness = np.random.default_rng(3).uniform(0, 100, (2, 1, 96, 64)).astype(np.float32)
    inputs = [lightness]
    if source.contract.takes_hints:
        inputs.append(join_hints(lightness, random_hints(lightness.shape)))
    for each in inputs:
        expected = open_backend(file, "native").run(each)
        assert np.ptp(expected) > 1  # a hundred times what may differ
        np.testing.assert_allclose(source.run(each), expected, atol=0.01)
    assert source.contract.precision == "fp32"


def test_what_cannot_be_restored_is_refused(pixels_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a fp32 pixels graph; use the fp32 lab file"):
        restore_checkpoint(pixels_file, tmp_path / "restored.pt")


def test_pix2pix_is_not_restored(exported: dict[str, Path], tmp_path: Path) -> None:
    contract = dataclasses.replace(open_backend(exported["onnx"]).contract, architecture="pix2pix")
    save_onnx(onnx.load(exported["onnx"]), contract, tmp_path / "p.onnx")
    with pytest.raises(
        ModelError, match=r"p\.onnx: pix2pix cannot be restored from ONNX; use its checkpoint"
    ):
        restore_checkpoint(tmp_path / "p.onnx", tmp_path / "restored.pt")


def test_training_begins_with_the_colors_of_the_file(photo_folder: Path, tmp_path: Path) -> None:
    start = load_checkpoint(restore_checkpoint(find_model("lite2"), tmp_path / "restored.pt"))
    config = TrainConfig(l1_epochs=1, gan_epochs=0, batch_size=4, flip=False, least_area=1, precision="fp32")
    trainer = Trainer(config, photo_folder, tmp_path / "run", init_from=start)
    crops = TrainingCrops(trainer.train_photos, config)
    lightness = crops.batch([(0, index) for index in range(len(crops))], config.crop_size)["L"]
    generator = trainer.learner.generator
    with torch.no_grad():
        exact = generator.eval()(lightness)
        in_training = generator.train()(lightness)  # BatchNorm takes the statistics of the batch
    assert exact.abs().mean() > 5
    torch.testing.assert_close(in_training, exact, atol=0.05, rtol=0)


def test_export_makes_a_checkpoint_to_train_on_from(exported: dict[str, Path], tmp_path: Path) -> None:
    arguments = [str(exported["onnx"]), "--format", "checkpoint", "--out", str(tmp_path)]
    done = CliRunner().invoke(colorize_export, arguments)
    assert done.exit_code == 0, done.output
    assert f"colorize-train PHOTOS --init {tmp_path / 'tiny.pt'} --out RUN" in done.output
    load_generator(tmp_path / "tiny.pt")
    stricter = [*arguments[:-1], str(tmp_path / "strict"), "--max-delta-e", "0.00000001"]
    differs = CliRunner().invoke(colorize_export, stricter)
    assert (differs.exit_code, "tiny.pt on cpu: " in differs.output) == (6, True)
    assert not any((tmp_path / "strict").iterdir())
    arguments[0] = str(tmp_path / "tiny.pt")
    refused = CliRunner().invoke(colorize_export, arguments)
    assert refused.exit_code == 2
    assert "tiny.pt is one; give an ONNX file" in refused.output
