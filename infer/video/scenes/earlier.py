"""The coded frames of a film that an earlier run has made."""

import functools
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from av.packet import Packet

from colorize_gan.core.errors import VideoError
from colorize_gan.infer.video.files import open_video, packets_of

_LENGTH_PREFIXED = frozenset({"h264", "h265"})
_START_CODE = b"\0\0\0\1"


class EarlierFilm:
    """The packets of a film, in the order of decoding; what is taken of them may only lie further on."""

    def __init__(self, path: Path, codec: str) -> None:
        """Prepare to read the film, which was written with one of `CODECS`."""
        self._path, self._codec, self._position = path, codec, 0
        self._packets = self._read()

    def take(self, first: int, times: Sequence[int]) -> Iterator["Packet[Any]"]:
        """Yield the packets of frames that were coded as a stream of their own, as their encoder gave them.

        Args:
            first: frames of the film before them.
            times: when each of them is shown, in order.

        Raises:
            VideoError: the film has not so many frames.
        """
        written = self._times[first : first + len(times)]
        if len(written) < len(times):
            raise VideoError("the output that is there lacks frames; `on_exists` overwrite replaces it")
        ranks = np.argsort(np.argsort(written))
        passed, self._position = first - self._position, first + len(times)
        for packet, rank in zip(islice(self._packets, passed, passed + len(times)), ranks, strict=True):
            content = bytes(packet)
            coded = Packet(_with_start_codes(content) if self._codec in _LENGTH_PREFIXED else content)
            coded.pts, coded.is_keyframe = times[rank], packet.is_keyframe
            yield coded

    @functools.cached_property
    def _times(self) -> list[int]:
        """When each of its packets is shown, in its own units."""
        return [packet.pts or 0 for packet in self._read()]

    def close(self) -> None:
        """Let go of the film."""
        self._packets.close()

    def _read(self) -> Generator["Packet[Any]", None, None]:
        with open_video(self._path) as container:
            stream = container.streams.video[0]
            yield from (packet for packet in packets_of(container, [stream]) if packet.size)


def _with_start_codes(content: bytes) -> bytes:
    """Return units of H.264 or H.265 with codes in front of them, for the lengths that files have there."""
    parts, position = [], 0
    while position < len(content):
        end = position + 4 + int.from_bytes(content[position : position + 4])
        parts += [_START_CODE, content[position + 4 : end]]
        position = end
    return b"".join(parts)
