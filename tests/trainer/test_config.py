from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from colorize_gan.core.errors import UsageError
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.discriminator import PatchGAN


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seed", -1),
        ("seed", 2**63),
        ("l1_epochs", float("inf")),
        ("l1_epochs", float("nan")),
        ("gan_epochs", float("inf")),
        ("lr", float("inf")),
        ("final_chroma", float("inf")),
    ],
)
def test_numbers_that_no_run_can_use_are_refused(setting: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"`{setting}` {value}: out of range"):
        TrainConfig(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", 'a"b', "a\nb"])
def test_name_that_no_file_can_have_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError, match=r"`name` .*: not possible as a file name") as error:
        TrainConfig(name=name)
    assert "\n" not in str(error.value)


def works(build: Callable[[], object]) -> bool:
    try:
        build()
    except (UsageError, RuntimeError, ValueError):  # a convolution without input, a norm of one pixel
        return False
    return True


@pytest.mark.parametrize("layers", range(1, 6))
@pytest.mark.parametrize("size", [32, 64, 96, 128])
def test_discriminator_is_refused_exactly_where_it_is_too_deep_for_the_crop(layers: int, size: int) -> None:
    lightness, ab = torch.zeros(2, 1, size, size), torch.zeros(2, 2, size, size)
    runs = works(lambda: PatchGAN(layers, "instance")(lightness, ab))
    assert works(lambda: TrainConfig(disc_layers=layers, crop_size=size)) == runs


def test_final_crops_are_for_the_discriminator_too_and_without_it_any_depth_goes() -> None:
    with pytest.raises(UsageError, match="`disc_layers` 4: too deep for `crop_size` 32"):
        TrainConfig(disc_layers=4, crop_size=32)
    with pytest.raises(UsageError, match="`disc_layers` 5: too deep for `final_crop_size` 64"):
        TrainConfig(disc_layers=5, crop_size=96, final_crop_size=64)
    TrainConfig(disc_layers=5, crop_size=32, gan_epochs=0)


def test_settings_are_read_as_they_were_written_in_any_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text('{"name": "Bär"}', encoding="utf-8")
    monkeypatch.setattr("io.text_encoding", lambda encoding, *_: encoding or "ascii")
    assert TrainConfig.load(tmp_path / "config.json").name == "Bär"
