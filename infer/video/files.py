"""Opening video files with PyAV, whatever they are called and whatever text is in them."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

# microseconds and bytes in which streams are looked for: on discs and tapes, sound may begin late
_PROBING = {"analyzeduration": "120000000", "probesize": "100000000"}
AS_IT_IS = "surrogateescape"
"""How text is read and written: it need not be UTF-8, and its bytes are kept."""


def open_video(path: Path) -> InputContainer:
    """Open a file for reading.

    Raises:
        av.FFmpegError: it cannot be read, or is not a video.
    """
    return av.open(_full_path(path), options=dict(_PROBING), metadata_errors=AS_IT_IS)


def create_video(
    path: Path, form: str, options: Mapping[str, str], *, loosely: bool = False
) -> OutputContainer:
    """Open a file for writing.

    Args:
        path: of the file.
        form: FFmpeg's name of the container.
        options: of the container.
        loosely: take what FFmpeg writes there beyond the container's own list of codecs, as Windows Media
            sound in Matroska. PyAV asks that list, but not behind FFmpeg's tee, which loses chapters.

    Raises:
        av.FFmpegError: it cannot be written.
    """
    if loosely:
        settings = ":".join(f"{key}={value}" for key, value in {"f": form, **options}.items())
        name = re.sub(r"([\\'|])", r"\\\1", str(_full_path(path)))
        return av.open(f"[{settings}]{name}", "w", "tee", metadata_errors=AS_IT_IS)
    return av.open(_full_path(path), "w", form, options=dict(options), metadata_errors=AS_IT_IS)


def packets_of(container: InputContainer, streams: Sequence[Stream] = ()) -> Iterator["Packet[Any]"]:
    """Yield the packets of some streams, or of all that were there when the file was opened.

    Raises:
        av.FFmpegError: what can be read ends here.
    """
    # where a stream began that was not there, PyAV raises behind the last packet
    with contextlib.suppress(IndexError):
        yield from container.demux(*streams)


def _full_path(path: Path) -> Path:
    # FFmpeg takes what is before the colon of a:b.mp4 for a protocol
    return path.absolute()
