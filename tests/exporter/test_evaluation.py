import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.evaluate import colorize_eval
from colorize_gan.trainer.evaluate import evaluate
from colorize_gan.trainer.photos import find_photos, split_photos


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(colorize_eval, list(map(str, arguments)))


def test_a_checkpoint_and_its_export_agree_in_one_table(
    tiny_checkpoint: Path, exported: dict[str, Path], photo_folder: Path, tmp_path: Path
) -> None:
    models = [str(tiny_checkpoint), str(exported["onnx"])]
    result = run(*models, photo_folder, "--limit", "4", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert list(table) == [*models, "mean colour", "grey"]
    assert result.stdout == (tmp_path / "evaluation.md").read_text()
    assert f"| {models[0]} | {table[models[0]]['psnr']:.3f} |" in result.stdout
    assert cv2.imread(str(tmp_path / "contact-sheet.png")).shape == (4 * 64, 4 * 64, 3)
    one, two = (table[model] for model in models)
    assert one.pop("protocol") == two.pop("protocol")
    assert one == pytest.approx(two, abs=1e-3)
    assert table["grey"]["psnr_gain"] == 0 < table["mean colour"]["psnr_gain"]
    assert table["grey"]["photographs"] == 4


def test_models_that_take_hints_have_a_row_for_each_number_of_them(
    hinted_checkpoint: Path, tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path
) -> None:
    models = [hinted_checkpoint, tiny_checkpoint]
    result = run(*models, photo_folder, "--limit", "2", "--hints", "0, 5,20", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    table = json.loads((tmp_path / "evaluation.json").read_text())
    rows = [str(hinted_checkpoint), f"{hinted_checkpoint}, 5 hints", f"{hinted_checkpoint}, 20 hints"]
    assert list(table) == [*rows, str(tiny_checkpoint), "mean colour", "grey"]
    assert [table[row].get("hints") for row in rows] == [None, 5, 20]
    assert len({table[row]["ciede2000"] for row in rows}) == 3


def test_random_hints_of_the_true_colour_raise_psnr(photo_folder: Path) -> None:
    def mean_of_hints(inputs: np.ndarray) -> np.ndarray:
        weight = inputs[:, 3:] if inputs.shape[1] == 4 else np.zeros_like(inputs)
        ab = np.zeros_like(inputs[:, :1]).repeat(2, axis=1)
        if weight.any():
            ab += (inputs[:, 1:3] * weight).sum(axis=(2, 3), keepdims=True) / weight.sum()
        return ab

    photos = find_photos(photo_folder)
    gains = [evaluate(mean_of_hints, photos, 64, points=points)["psnr_gain"] for points in (0, 1, 100)]
    assert gains[0] == 0
    assert gains[2] > max(gains[:2])
    assert gains[2] == evaluate(mean_of_hints, photos[::-1], 64, points=100)["psnr_gain"]


def test_a_name_of_undecodable_bytes_keeps_its_row(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"m\xff.pt")
    odd.write_bytes(tiny_checkpoint.read_bytes())
    result = run(odd, photo_folder, "--limit", "2", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "m\\udcff.pt | " in (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")


def test_held_out_photographs_are_those_of_training(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path
) -> None:
    held_out = split_photos(find_photos(photo_folder), 0.5)[1]
    result = run(tiny_checkpoint, photo_folder, "--held-out", "0.5", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    table = json.loads((tmp_path / "evaluation.json").read_text())
    assert table["grey"]["photographs"] == len(held_out) < len(find_photos(photo_folder))


def test_labels_choose_photographs_and_add_right_answers(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.txt"
    lines = [f"{photo_folder}/coffee{index}.png, 967\n" for index in range(3)]
    labels.write_text("\n".join(lines))  # a blank line between
    result = run(tiny_checkpoint, photo_folder, "--labels", labels, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    grey = json.loads((tmp_path / "evaluation.json").read_text())["grey"]
    assert grey["photographs"] == 3
    assert 0 <= grey["top1"] <= 1
    assert f"top1 {grey['truth_top1']:.3f}" in result.stdout.splitlines()[0]
    assert " top1 |" in result.stdout


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("coffee0.png", "line 1: not 'path, class'"),
        ("coffee0.png, 1000", "line 1: not 'path, class' with a class of 0 to 999"),
        ("none.png, 3", "none.png"),
    ],
)
def test_labels_that_cannot_be_read_are_named(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path, line: str, says: str
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text(line + "\n")
    result = run(tiny_checkpoint, photo_folder, "--labels", labels, "--out", tmp_path)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--size", "100"], 2, "--size 100"),
        (["--hints", "0,5"], 2, "--hints 5: "),
        (["--held-out", "0.0001"], 2, "too few to evaluate on"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    tiny_checkpoint: Path, photo_folder: Path, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    result = run(tiny_checkpoint, photo_folder, "--out", tmp_path, *arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
