"""Colorizing videos: every frame, its time, its luma and its sound as they were."""

from typing import TYPE_CHECKING

from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.video.options import VideoOptions

if TYPE_CHECKING:
    from colorize_gan.infer.video.video import colorize_videos as colorize_videos

__all__ = ["VideoOptions", "WorkItem", "colorize_videos"]


def __getattr__(name: str) -> object:
    """Import FFmpeg when it is first used: the help of `colorize-video` does not need it."""
    if name != "colorize_videos":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from colorize_gan.infer.video.video import colorize_videos

    return colorize_videos
