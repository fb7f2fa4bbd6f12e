"""The hints of one film: its file is read, and points that no coloured frame can have are refused."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.infer.backends.bundled import HINTS_MODEL
from colorize_gan.infer.hints import MOST_BYTES, Hint, HintFile, parse_hints
from colorize_gan.infer.video.scenes.table import rounded
from colorize_gan.infer.video.source import Clip


def time_of(hint: Hint) -> Fraction:
    """Return the seconds of a hint in a film, in whole milliseconds."""
    assert hint.time is not None
    return rounded(hint.time)


def settings_of(points: Iterable[Hint]) -> list[str]:
    """Return all that decides about the colours of hints, as JSON has it."""
    return [f"{hint.time} {hint.x} {hint.y} {hint.color}" for hint in points]


class FilmHints:
    """The hints of one film, in the order of their file."""

    def __init__(self, path: Path | None, contract: ModelContract) -> None:
        """Read the file; None for no hints.

        Raises:
            UsageError: it cannot be used, or the model takes no hints.
        """
        self._path, self._file = path, HintFile(())
        if path is None:
            return
        if not contract.takes_hints:
            raise UsageError(
                f"`hints` {path}: the model {contract.name} takes no hints; use `model` {HINTS_MODEL}"
            )
        try:
            with path.open("rb") as file:
                self._file = parse_hints(file.read(MOST_BYTES + 1), of_film=True)
        except OSError as error:
            raise UsageError(f"`hints` {path}: cannot be read ({error.strerror})") from error
        except ImageError as error:
            raise UsageError(f"`hints` {path}: {str(error).removeprefix('hints: ')}") from error

    @property
    def points(self) -> Sequence[Hint]:
        """The hints; none without a file."""
        return self._file.hints

    def check_fit(self, clip: Clip, start: Fraction, end: Fraction) -> None:
        """Refuse hints for a picture of another shape, or outside of ``start`` to ``end``, in seconds.

        Raises:
            UsageError: there are some.
        """
        sides = (clip.height, clip.width) if clip.quarter_turns % 2 else (clip.width, clip.height)
        try:
            self._file.for_size(*sides)
        except ImageError as error:
            raise UsageError(f"`hints` {self._path}: {error}") from error
        first, last = rounded(start), rounded(end)
        for number, hint in enumerate(self.points):
            if not first <= time_of(hint) < last:
                raise self.refused(
                    number, f"is outside of the film, {float(first):.3f} to {float(last):.3f} s"
                )

    def check_scenes(self, is_skipped: Callable[[Fraction], bool]) -> None:
        """Refuse hints at times that lie in a skipped scene.

        Raises:
            UsageError: there are some.
        """
        for number, hint in enumerate(self.points):
            if is_skipped(time_of(hint)):
                raise self.refused(number, "is in a scene that `scenes` skips; remove one of the two")

    def refused(self, number: int, why: str) -> UsageError:
        """Return the error that says why a hint, counted from 0, cannot be used."""
        time = float(time_of(self.points[number]))
        return UsageError(f"`hints` {self._path}: point {number + 1}, at {time:.3f} s, {why}")
