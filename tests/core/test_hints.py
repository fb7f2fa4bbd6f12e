import dataclasses

import numpy as np
import pytest

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import UsageError
from colorize_gan.core.hints import feeds, join_hints, random_hints

PLAIN = ModelContract("x", "x", 64)
HINTED = dataclasses.replace(PLAIN, takes_hints=True)
LIGHTNESS = np.full((2, 1, 32, 48), 50, np.float32)


def test_hints_travel_behind_lightness_and_none_are_zero() -> None:
    hints = random_hints(LIGHTNESS.shape)
    fed = feeds(HINTED, join_hints(LIGHTNESS, hints))
    assert list(fed) == ["L", "hints"]
    assert np.array_equal(fed["L"], LIGHTNESS)
    assert np.array_equal(fed["hints"], hints)
    none = feeds(HINTED, LIGHTNESS)["hints"]
    assert (none.shape, none.dtype, none.any()) == ((2, 3, 32, 48), np.float32, False)
    assert list(feeds(PLAIN, LIGHTNESS)) == ["L"]


def test_hints_for_a_model_that_takes_none_are_refused() -> None:
    with pytest.raises(UsageError, match="x: takes no hints"):
        feeds(PLAIN, join_hints(LIGHTNESS, random_hints(LIGHTNESS.shape)))


@pytest.mark.parametrize(
    ("channel", "value", "says"),
    [
        (2, 1.5, "weight outside 0 to 1"),
        (2, -0.1, "weight outside 0 to 1"),
        (0, 200, r"a\* or b\* outside -128 to 128"),
        (1, np.nan, r"a\* or b\* outside"),
    ],
)
def test_hints_outside_their_range_are_refused(channel: int, value: float, says: str) -> None:
    hints = random_hints(LIGHTNESS.shape)
    hints[0, channel, 3, 4] = value
    with pytest.raises(UsageError, match=f"hints: {says}"):
        join_hints(LIGHTNESS, hints)


@pytest.mark.parametrize("shape", [(2, 2, 32, 48), (2, 3, 48, 32), (1, 3, 32, 48), (3, 32, 48)])
def test_hints_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"hints: the shape is \(.*\), not \(2, 3, 32, 48\)"):
        join_hints(LIGHTNESS, np.zeros(shape, np.float32))
