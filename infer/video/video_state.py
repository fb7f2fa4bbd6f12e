"""Which videos are there, finished or not: what the planner asks of a run over videos."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import av

from colorize_gan.core.errors import ImageError
from colorize_gan.infer.batch.state import Entry, NotingNothing, Standing, State
from colorize_gan.infer.video.files import open_video
from colorize_gan.infer.video.metadata import comment_of
from colorize_gan.infer.video.segments import is_unfinished

CUT_SHORT = "the source was cut short"
"""Part of the comment in a file, so that the next run says so, too."""


class VideoState:
    """The unfinished videos beside their targets, and what a folder's record knows. Thread-safe."""

    batch_ahead = 1

    def __init__(self, record: State, *, has_scenes: bool = False) -> None:
        """Prepare for a run.

        Args:
            record: its outputs are noted there.
            has_scenes: whether a table of scenes tells what there is to do; then all are looked at again.
        """
        self._record, self._has_scenes = record, has_scenes

    def standing(self, target: Path) -> Standing:
        """See `State.standing`: what is unfinished is resumed."""
        known = self._record.standing(target)
        if is_unfinished(target) or (known.exists and self._has_scenes):
            made_from = known.entry.made_from if known.entry else ""
            return dataclasses.replace(known, entry=Entry(made_from=made_from))
        return dataclasses.replace(known, fault=_fault_of(target)) if known.exists else known

    def start(self, inputs: Mapping[Path, str]) -> None:
        """See `State.start`."""
        self._record.start(inputs)

    def finish(self, target: Path, entry: Entry) -> None:
        """See `State.finish`."""
        self._record.finish(target, entry)

    def close(self) -> None:
        """See `State.close`."""
        self._record.close()


class NoRecord(NotingNothing):
    """Where none is kept: what is there is nobody's, and stays. See `State`."""

    def standing(self, target: Path) -> Standing:
        """Tell whether something is there; more is not known."""
        return Standing(os.path.lexists(target), unknown="the output exists")


def _fault_of(target: Path) -> str:
    """Return what an earlier run has said in a video that lacks its end."""
    with contextlib.suppress(av.FFmpegError, ImageError, ValueError), open_video(target) as container:
        if CUT_SHORT in comment_of(container.metadata):
            return f"{CUT_SHORT}: what there is was written before; `on_exists` overwrite tries again"
    return ""
