"""The recipes in `configs/` can be run."""

import re
from pathlib import Path

import pytest

from colorize_gan.core.errors import UsageError
from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.schedule import Schedule

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.json"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_a_config_with_something_to_do(path: Path) -> None:
    config = TrainConfig.load(path)
    assert config.name == path.stem
    assert Schedule.of(config, steps_per_epoch=100).total > 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[]", "not a JSON object of settings"),
        ('{"batch_sise": 8}', "no setting is called 'batch_sise'; the closest name is 'batch_size'"),
        ('{"batch_size": 16.5}', "mine.json: batch_size 16.5: not a whole number"),
        ('{"lr": "fast"}', "lr 'fast': not a number"),
        ("{", "mine.json: not JSON"),
    ],
)
def test_what_is_no_recipe_is_one_line(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(UsageError, match=re.escape(says)):
        TrainConfig.load(tmp_path / "mine.json")


def test_there_are_recipes_of_both_shipped_models_and_of_both_baselines() -> None:
    assert {path.stem for path in RECIPES} == {
        *("lite2-pixels", "lite2-pixels-large", "lite2-recognition", "lite2-edges", "lite2"),
        *("pix2pix", "resnet18", "dinov2-coarse", "dinov2-pixels", "dinov2-small"),
    }
