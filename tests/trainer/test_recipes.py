"""The recipes in `configs/` can be run."""

from pathlib import Path

import pytest

from colorize_gan.trainer.config import TrainConfig
from colorize_gan.trainer.schedule import Schedule

RECIPES = sorted((Path(__file__).parents[2] / "configs").glob("*.json"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_is_a_config_with_something_to_do(path: Path) -> None:
    config = TrainConfig.load(path)
    assert config.name == path.stem
    assert Schedule.of(config, steps_per_epoch=100).total > 0


def test_there_are_recipes_of_the_shipped_model_and_of_both_baselines() -> None:
    assert {path.stem for path in RECIPES} == {
        *("lite2-pixels", "lite2-pixels-large", "lite2-recognition", "lite2-edges", "lite2"),
        *("pix2pix", "resnet18"),
    }
