"""Hints as users give them: the file, and what becomes of a photograph's colours."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from colorize_gan.core.color.lab import lightness_of, rgb_to_lab
from colorize_gan.core.errors import ImageError
from colorize_gan.infer import Colorizer, Hint
from colorize_gan.infer.hints import HintFile, hint_map, hints_content, parse_hints

POINT = {"x": 0.25, "y": 0.5, "color": "#4b5320"}


def content(points: Any, **others: Any) -> bytes:
    return json.dumps({"schema": 1, "points": points} | others).encode()


def test_what_is_written_is_read_again() -> None:
    file = HintFile((Hint(0.25, 0.5, "steelblue", "from the owner"), Hint(1, 0, "#ff0000")), (400, 300))
    assert parse_hints(hints_content(file)) == file
    film = HintFile(
        (Hint(0.25, 0.5, "red", time=Fraction("12.48")), Hint(0.25, 0.5, "red", time=Fraction(0)))
    )
    assert parse_hints(hints_content(film), of_film=True) == film
    assert parse_hints(content([])) == HintFile(())


def test_files_in_the_document_are_some() -> None:
    page = (Path(__file__).parents[2] / "docs" / "hints.md").read_text(encoding="utf-8")
    photograph, film = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    assert [hint.color for hint in parse_hints(photograph.encode()).hints] == ["#4b5320", "seagreen"]
    times = [hint.time for hint in parse_hints(film.encode(), of_film=True).hints]
    assert times == [Fraction("12.48"), Fraction("63.5")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"\xff\xfe{", "hints: not JSON"),
        (b"[" * 100_000, "hints: not JSON"),
        (b"[]", 'hints: no object with "schema" and a list of "points"'),
        (content([], schema=2), "hints: schema 2; this version reads schema 1"),
        (content([], colour="red"), "hints: 'colour' is none of"),
        (content([{"x": 0.5, "y": 0.5}]), 'hints: point 1: no object with "x", "y" and "color"'),
        (
            content([POINT | {"color": "#4b53"}, POINT | {"x": 0.3, "color": "olive drab"}]),
            "hints: point 2: color",
        ),
        (content([POINT | {"x": 1.5}]), "hints: point 1: x is 1.5: give a share of the picture from 0 to 1"),
        (content([POINT | {"y": float("nan")}]), "hints: point 1: y is nan"),
        (content([POINT | {"y": True}]), "hints: point 1: y is True"),
        (content([POINT, POINT | {"color": "red"}]), "hints: point 2: at the place of point 1; remove one"),
        (content([POINT | {"size": 3}]), "hints: point 1: 'size' is none of"),
        (content([POINT | {"time": 3}]), 'hints: point 1: "time" is for films; a photograph has no times'),
        (content([POINT] * 10_000), "hints: 10000 points; 1000 are the most"),
        (content([], width=400), 'hints: "width" and "height"'),
        (b" " * (2 << 20), "hints: more than 1 megabyte"),
    ],
)
def test_what_is_no_file_of_hints_is_one_clause(given: bytes, says: str) -> None:
    with pytest.raises(ImageError) as caught:
        parse_hints(given)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_hints_of_another_shape_are_refused() -> None:
    file = HintFile((Hint(0, 0, "red"),), (400, 300))
    assert file.for_size(4000, 2999) == file.hints
    with pytest.raises(ImageError, match="hints for 400 x 300 pixels, not for 300 x 400"):
        file.for_size(300, 400)


def test_map_has_the_colour_at_the_place_and_nothing_elsewhere() -> None:
    drawn = hint_map([Hint(0, 0, "blue"), Hint(1, 1, "red"), Hint(0.5, 0.5, "#808080")], 32, 64)
    assert drawn.shape == (3, 32, 64)
    for (row, column), color in {
        (0, 0): (0, 0, 255),
        (31, 63): (255, 0, 0),
        (16, 32): (128, 128, 128),
    }.items():
        expected = rgb_to_lab(np.array(color, np.uint8)[None, None])[1][0, 0]
        assert np.allclose(drawn[:2, row, column], expected, atol=0.1)
        assert drawn[2, row, column] == 1
    assert drawn[2].sum() == 9 + 9 + 25
    assert not drawn[:, drawn[2] == 0].any()


def test_map_has_the_weight_of_each_hint() -> None:
    drawn = hint_map([Hint(0.5, 0.5, "red", weight=0.25)], 32, 32)
    assert drawn[2, 16, 16] == 0.25
    assert np.array_equal(drawn[:2], hint_map([Hint(0.5, 0.5, "red")], 32, 32)[:2])


def test_stronger_saturation_asks_the_network_for_less() -> None:
    plain, stronger = (hint_map([Hint(0.5, 0.5, "red")], 32, 32, factor)[0].max() for factor in (1, 2))
    assert stronger == pytest.approx(plain / 2)


@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_hint_changes_colours_and_no_lightness(hinted: dict[str, Path], kind: str, photo: np.ndarray) -> None:
    colorizer = Colorizer(hinted[kind])
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    before = colorizer.colorize(grey)
    after = colorizer.colorize(grey, [Hint(0.25, 0.5, "red")])
    assert np.array_equal(colorizer.colorize(grey, []), before)
    assert not np.array_equal(after, before)
    assert np.abs(lightness_of(after) - lightness_of(grey)).max() < 1


def test_model_without_hints_says_so(exported: dict[str, Path], photo: np.ndarray) -> None:
    with pytest.raises(ImageError, match="it has hints, and the model tiny takes none"):
        Colorizer(exported["onnx"]).colorize(photo, [Hint(0.5, 0.5, "red")])
