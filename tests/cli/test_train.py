"""The command `colorize-train`: where its settings come from, and what it says."""

import dataclasses
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner, Result

from colorize_gan.cli.train import colorize_train, settings_and_help
from colorize_gan.trainer import pix2pix
from colorize_gan.trainer.checkpoint import load_checkpoint, load_generator
from colorize_gan.trainer.config import TrainConfig, parse_setting
from colorize_gan.trainer.loop import Trainer

TRAIN = [sys.executable, "-c", "from colorize_gan.cli.train import colorize_train; colorize_train()"]
SMALL = {
    "arch": "test_efficientnet",
    "pretrained": "none",
    "l1_epochs": 4.0,
    "gan_epochs": 0.0,
    "batch_size": 4,
    "crop_size": 64,
    "render_size": 64,
    "precision": "fp32",
    "ema_decay": 0.5,
}
SHORT = ("--max-minutes", "0.00001")


def assigned(settings: dict[str, object]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_train, list(map(str, arguments)))


def test_every_setting_is_listed_with_a_default_that_set_takes() -> None:
    result = run("--list-settings")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    given = [line.split()[0].partition("=") for line in result.stdout.splitlines() if line[0] != " "]
    assert TrainConfig(**{name: parse_setting(name, text) for name, _, text in given}) == TrainConfig()
    assert [name for name, *_ in given] == [field.name for field in dataclasses.fields(TrainConfig)]


def test_few_settings_have_options_and_all_texts_are_short_sentences() -> None:
    options = [each for each in colorize_train.params if isinstance(each, click.Option)]
    assert len(options) <= 22
    for text in [*(text for *_, text in settings_and_help()), *(each.help or "" for each in options)]:
        sentence = text.partition("  [")[0]
        assert len(sentence.split()) <= 25, sentence
        assert sentence.endswith("."), sentence


def test_command_line_overrides_the_file_which_overrides_the_defaults(
    photo_folder: Path, tmp_path: Path
) -> None:
    given = SMALL | {"lr": 0.5, "tone": 0.5, "film": 0.5}
    (tmp_path / "mine.json").write_text(json.dumps(given))
    command = [photo_folder, "--out", tmp_path / "run", "--config", tmp_path / "mine.json", *SHORT]
    assert run(*command, "--lr", "0.25", "--set", "tone=0.25", "--set", "flip=no").exit_code == 0
    expected = TrainConfig.of(given | {"lr": 0.25, "tone": 0.25, "flip": False})
    assert TrainConfig.load(tmp_path / "run" / "config.json") == expected
    again = [photo_folder, "--out", tmp_path / "again", "--config", tmp_path / "run" / "config.json", *SHORT]
    assert run(*again).exit_code == 0
    assert TrainConfig.load(tmp_path / "again" / "config.json") == expected


def test_a_run_does_not_go_on_with_other_photographs(photo_folder: Path, tmp_path: Path) -> None:
    start = [photo_folder, "--out", tmp_path / "run", *assigned(SMALL), *SHORT]
    assert run(*start).exit_code == 0
    for removed in ("train_photos", "val_photos"):
        others = Path(shutil.copytree(photo_folder, tmp_path / removed))
        getattr(Trainer(TrainConfig.of(SMALL), others, tmp_path), removed)[0].path.unlink()
        result = run(others, "--out", tmp_path / "run", "--resume")
        assert (result.exit_code, str(others) in result.stderr) == (2, True)
    assert run(photo_folder, "--out", tmp_path / "run", "--resume").exit_code == 0


def test_colours_of_another_run_are_those_a_new_one_starts_with(
    photo_folder: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    arguments = [photo_folder, "--out", tmp_path / "next", "--init", tiny_checkpoint]
    small = ["--batch-size", "4", "--crop-size", "64", *SHORT]
    assert run(*arguments, *small, "--arch", "resnet18").exit_code == 5
    assert run(*arguments, *small, "--lr", "1e-12", "--freeze-batchnorm", "true").exit_code == 0
    lightness = torch.rand(1, 1, 64, 64) * 100
    start, end = (load_generator(path)[0] for path in (tiny_checkpoint, tmp_path / "next" / "checkpoint.pt"))
    with torch.inference_mode():
        torch.testing.assert_close(start(lightness), end(lightness), atol=0.01, rtol=0)
    assert load_checkpoint(tmp_path / "next" / "checkpoint.pt").contract.architecture == "test_efficientnet"


def test_architecture_of_the_command_of_the_file_and_of_the_start(
    photo_folder: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # all its layers, but few channels
    monkeypatch.setattr(pix2pix, "_WIDTHS", tuple(width // 8 for width in pix2pix._WIDTHS))
    (tmp_path / "some.json").write_text('{"batch_size": 4, "crop_size": 64}')
    (tmp_path / "other.json").write_text('{"batch_size": 4, "crop_size": 64, "arch": "resnet18"}')
    command = [photo_folder, "--init", tiny_checkpoint, *SHORT]
    refused = run(*command, "--out", tmp_path / "a", "--config", tmp_path / "other.json")
    assert (refused.exit_code, "holds test_efficientnet, not resnet18" in refused.output) == (5, True)
    assert run(*command, "--out", tmp_path / "b", "--config", tmp_path / "some.json").exit_code == 0
    command = [photo_folder, "--out", tmp_path / "c", "--config", tmp_path / "some.json", *SHORT]
    assert run(*command, "--arch", "pix2pix", "--crop-size", "256").exit_code == 0
    config = TrainConfig.load(tmp_path / "c" / "config.json")
    assert config == TrainConfig.of({"arch": "pix2pix", "batch_size": 4})


def test_ctrl_c_saves_and_resume_finishes(photo_folder: Path, tmp_path: Path) -> None:
    command = [*TRAIN, photo_folder, "--out", tmp_path / "a run"]
    process = subprocess.Popen(
        [*command, *assigned(SMALL | {"l1_epochs": 300})], stderr=subprocess.PIPE, text=True
    )
    while (
        not (tmp_path / "a run" / "metrics.jsonl").exists()
        or not (tmp_path / "a run" / "metrics.jsonl").read_text()
    ):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate()[1]
    assert process.returncode == 130, stderr
    _, again = stderr.splitlines()[-1].split("resume with: ")
    arguments = [str(photo_folder), "--out", str(tmp_path / "a run"), "--resume"]
    assert shlex.split(again) == ["colorize-train", *arguments]
    step = load_checkpoint(tmp_path / "a run" / "checkpoint.pt").step
    assert step >= 1
    result = run(*arguments, "--max-minutes", "0.001")
    assert result.exit_code == 0, result.output
    assert load_checkpoint(tmp_path / "a run" / "checkpoint.pt").step > step


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--arch", "lite9", "--batch-size", "4"], 2, "--arch lite9"),
        (["--batch-size", "64", "--pretrained", "none"], 2, "--batch-size 64: larger than the"),
        (["--crop-size", "100"], 2, "--crop-size 100"),
        (["--lr", "-1"], 2, "--lr -1"),
        (["--batch-size", "4", "--pretrained", "gone.pth"], 5, "gone.pth"),
        (["--resume"], 5, "no such checkpoint"),
        (["--resume", "--lr", "0.1"], 2, "remove --lr"),
        (["--resume", "--set", "tone=0.1"], 2, "remove --set"),
        (["--set", "gan_mode=wgan"], 2, "gan_mode wgan: not vanilla, lsgan, hinge"),
        (["--set", "batch_sise=4"], 2, "'batch_sise'; the closest name is 'batch_size'"),
        (["--set", "tone"], 2, "--set tone: write NAME=VALUE"),
        (["--set", "preview_steps=4.5"], 2, "preview_steps '4.5': not a whole number"),
        (["--set", "flip=perhaps"], 2, "flip 'perhaps': not true or false"),
        (["--set", "lr=1", "--lr", "2"], 2, "--set lr: given as --lr, too; remove one"),
        (
            ["--arch", "pix2pix", "--crop-size", "160", "--batch-size", "4"],
            2,
            "pix2pix takes multiples of 256",
        ),
        (["--init", "gone.pt"], 5, "gone.pt"),
        (
            [
                "--arch",
                "ghostnet_100",
                "--pretrained",
                "none",
                "--batch-size",
                "4",
                "--set",
                "bf16_weights=true",
            ],
            2,
            "bf16_weights: not for ghostnet_100",
        ),
        (["--set", "render_size=100", "--batch-size", "4"], 2, "render_size 100: efficientnet_lite2 takes"),
        (["--set", "perceptual_weights=none"], 2, "perceptual_weights none"),
        (["--config", "gone.json"], 2, "gone.json: No such file"),
        (["--device", "cuda:7"], 4, "--device cuda:7"),
        (["--set", "precision=fp16", "--batch-size", "4"], 2, "precision fp16: needs a CUDA device"),
        (
            ["--set", "lambda_perceptual=1", "--set", "perceptual_arch=lite9", "--batch-size", "4"],
            2,
            "perceptual_arch lite9",
        ),
    ],
)
def test_bad_settings_give_one_line(
    photo_folder: Path, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    result = run(photo_folder, "--out", tmp_path / "run", *arguments)
    assert result.exit_code == code, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert says in result.stderr


def test_empty_folder_and_broken_photo_give_one_line(tmp_path: Path, photo_folder: Path) -> None:
    (tmp_path / "data").mkdir()
    result = run(tmp_path / "data", "--out", tmp_path / "run")
    assert (result.exit_code, "no images" in result.stderr) == (2, True)
    for photo in photo_folder.iterdir():
        (tmp_path / "data" / photo.name).write_bytes(photo.read_bytes())
    for index in range(40):
        (tmp_path / "data" / f"broken{index}.png").write_text(f"broken {index}")
    result = run(tmp_path / "data", "--out", tmp_path / "run", *assigned(SMALL))
    assert result.exit_code == 2
    assert "not an image" in result.stderr.splitlines()[-1]
    assert ".png: " in result.stderr.splitlines()[-1]


def test_a_run_is_not_overwritten_by_accident(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(tiny_checkpoint.read_bytes())
    result = run(photo_folder, "--out", tmp_path)
    assert result.exit_code == 2
    assert "--resume" in result.stderr
