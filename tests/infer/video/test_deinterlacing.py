"""Interlaced films as progressive ones, on request."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from colorize_gan.infer import Colorizer

from .clips import Recipe, frames_of, luma, packets_of, times_of, write_clip
from .test_streams import run, written

Make = Callable[..., Path]
SIZE = (576, 720)
COUNT = 6


def _weaved(is_bottom_first: bool) -> Iterator[np.ndarray]:
    """Yield frames whose first field shows a bar, and whose second one shows it 16 pixels further right."""
    for number in range(COUNT):
        fields = []
        for step in (2 * number, 2 * number + 1):
            picture = np.full(SIZE, 60, np.uint8)
            picture[:, 100 + 16 * step : 164 + 16 * step] = 180
            fields.append(picture)
        frame = fields[0].copy()
        later = slice(0, None, 2) if is_bottom_first else slice(1, None, 2)
        frame[later] = fields[1][later]
        yield frame


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """DV of PAL, the lower field first."""
    recipe = Recipe(codec="dvvideo", options={}, size=SIZE, times=range(COUNT), time_base=Fraction(1, 25))
    return write_clip(tmp_path / "in.dv", recipe, _weaved(is_bottom_first=True))


def _bar(path: Path) -> list[float]:
    """Return where the bar is in each frame: the mean column of what is light."""
    return [float(np.nonzero(luma(frame)[200:376] > 120)[1].mean()) for frame in frames_of(path)]


def test_each_field_becomes_a_frame(tape: Path, colorizer: Colorizer, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    result = written(tape, target, colorizer, codec="ffv1", deinterlace="field", measure=True)
    assert "deinterlaced to 50 frames/s" in result.note
    assert (result.video["frames"], result.video["luma"]["max_error"]) == (2 * COUNT, 0)
    assert not any(frame.interlaced_frame for frame in frames_of(target))
    assert times_of(target) == [Fraction(number, 50) for number in range(2 * COUNT)]
    assert np.diff(_bar(target))[1:-1] == pytest.approx(16, abs=2)  # in the order of the fields


def test_each_frame_becomes_a_frame(tape: Path, colorizer: Colorizer, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    result = written(tape, target, colorizer, deinterlace="frame")
    assert (result.video["frames"], result.note) == (COUNT, "deinterlaced to 25 frames/s")
    assert times_of(target) == [Fraction(number, 25) for number in range(COUNT)]
    assert np.diff(_bar(target))[1:-1] == pytest.approx(32, abs=3)
    assert not frames_of(target)[0].interlaced_frame


def test_film_stays_interlaced_unless_asked(tape: Path, colorizer: Colorizer, tmp_path: Path) -> None:
    result = written(tape, tmp_path / "out.mkv", colorizer, codec="ffv1")
    assert "interlaced: colours follow motion better with `deinterlace`" in result.note
    assert frames_of(tmp_path / "out.mkv")[0].interlaced_frame


def test_sound_stays_beside_the_fields(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    clip = make(is_interlaced=True, sound="aac")
    written(clip, tmp_path / "out.mp4", colorizer, deinterlace="field", start=Fraction(2, 5))
    times = times_of(tmp_path / "out.mp4")
    assert (times[0], len(times), times[1]) == (0, 2 * 20, Fraction(1, 50))
    before = [(time - Fraction(2, 5), content) for time, content in packets_of(clip, "audio")]
    before = [pair for pair in before if pair[0] >= 0]
    after = packets_of(tmp_path / "out.mp4", "audio")
    assert [content for _, content in after] == [content for _, content in before]
    assert max(abs(a - b) for (a, _), (b, _) in zip(after, before, strict=True)) < Fraction(1, 10000)


def test_progressive_film_is_left_as_it_is(make: Make, colorizer: Colorizer, tmp_path: Path) -> None:
    result = written(make(), tmp_path / "out.mp4", colorizer, deinterlace="field")
    assert (result.video["frames"], result.note) == (30, "")


def test_images_of_an_interlaced_film(tape: Path, colorizer: Colorizer, tmp_path: Path) -> None:
    result = run(tape, tmp_path / "out" / "%03d.png", colorizer, deinterlace="field")
    assert result.video["frames"] == 2 * COUNT
    assert len(list((tmp_path / "out").glob("*.png"))) == 2 * COUNT
