"""Fixtures: clips, and a quick colorizer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_gan.infer import Colorizer

from .clips import Recipe, pan, write_clip


@pytest.fixture
def make(tmp_path: Path, photo: np.ndarray) -> Callable[..., Path]:
    """Make a clip of this name by a recipe's fields."""

    def make_clip(name: str = "in.mp4", **fields: Any) -> Path:
        recipe = Recipe(**fields)
        return write_clip(tmp_path / name, recipe, pan(photo, recipe.size, len(recipe.times)))

    return make_clip


@pytest.fixture(scope="session")
def colorizer() -> Colorizer:
    """The bundled model, on small pictures."""
    return Colorizer(render_size=64)
