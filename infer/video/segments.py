"""An unfinished video on disk: finished segments, and what the next one needs to resume."""

import contextlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from av.packet import Packet
from filelock import FileLock, Timeout

from colorize_gan.core.errors import VideoError
from colorize_gan.core.files.atomic import PART_PREFIX, atomic_path, named_after

_JOB, _LOCK, _INDICES = "job.json", "lock", "[0-9]*.npz"
_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error)
"""Errors of reading where a machine lost its power before everything was on its disk."""


class Job:
    """The folder of an unfinished video, beside its target. As a context manager it is one run's own.

    A segment has two files: the packets, and, when they are complete, an index. The index has the state that
    the next segment begins with.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
        """Open the job, to resume what is there.

        Args:
            target: the video to be.
            settings: all that decides about it, as JSON keeps it. `scenes` is None, or a list of what decides
                about each scene. Segments are made again from the first scene that was changed.
            overwrite: start again what is there of other settings.

        Raises:
            VideoError: in use; or begun with other settings, and not to be overwritten.
        """
        self._target, self._folder = target, _folder_of(target)
        self._settings, self._overwrite = dict(settings), overwrite
        self._lock_path = self._folder / _LOCK
        self._lock = FileLock(self._lock_path, thread_local=False)

    def __enter__(self) -> Self:
        """Take the folder, created when missing."""
        with named_after(self._target):
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise VideoError("another run is working on it") from None
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Give the folder free; one without a segment is of no use."""
        useful = bool(self.indices())
        if not useful:
            for path in self._folder.glob("[!l]*"):
                path.unlink()
        self._lock.release()
        if not useful:
            with contextlib.suppress(OSError):  # another run may have it by now
                self._lock_path.unlink()
                self._folder.rmdir()

    def _open(self) -> None:
        if self.indices():
            fault = self._fault()
            if fault and not self._overwrite:
                raise VideoError(f"an earlier run began it {fault}; `on_exists` overwrite starts it again")
            self.remove(0 if fault else self._same_scenes())
        else:
            self.remove()
        with atomic_path(self._folder / _JOB) as part:
            part.write_text(json.dumps(self._settings, indent=1))

    def _begun(self) -> dict[str, Any]:
        """Return the settings that the segments were made with."""
        return dict(json.loads((self._folder / _JOB).read_text()))

    def _same_scenes(self) -> int:
        """Return how many scenes are as they were before the first one that was changed."""
        before, now = (settings.get("scenes") or [""] for settings in (self._begun(), self._settings))
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False)))

    def _fault(self) -> str:
        """Return why this run cannot resume the segments that are there; empty where it can."""
        try:
            before = self._begun()
            self.state()
            is_whole = all(map(self._is_whole, self.indices()))
        except _DAMAGE:
            is_whole = False
        if not is_whole:
            return "and what is left of it is damaged"
        was, now = ({**each, "scenes": bool(each.get("scenes"))} for each in (before, self._settings))
        changed = sorted(key for key in was | now if was.get(key) != now.get(key))
        return f"with another {', '.join(changed)}" if changed else ""

    def _is_whole(self, index: Path) -> bool:
        """Tell whether what an index tells of is there."""
        return index.with_suffix(".packets").stat().st_size >= int(_column(index, "sizes").sum())

    def indices(self) -> list[Path]:
        """Return the indices of the finished segments, in order."""
        return sorted(self._folder.glob(_INDICES))

    def state(self) -> dict[str, np.ndarray]:
        """Return the state that the last segment ended with; empty when there is none."""
        indices = self.indices()
        if not indices:
            return {}
        with np.load(indices[-1], allow_pickle=False) as arrays:
            return {name.removeprefix("state."): arrays[name] for name in arrays if name.startswith("state.")}

    def times(self) -> np.ndarray:
        """Return the times of all finished packets, int64 ``(N,)``, in the order of decoding."""
        return np.concatenate([_column(index, "times") for index in self.indices()])

    def write_packets(self, packets: Iterator["Packet[Any]"]) -> dict[str, np.ndarray]:
        """Write the packets of the next segment, a stream of its own; return what to finish it with."""
        with (self._folder / f"{self._next()}.packets").open("wb") as file:
            rows = [(packet.pts, packet.is_keyframe, file.write(bytes(packet))) for packet in packets]
        times, keys, sizes = np.array(rows, np.int64).reshape(-1, 3).T
        return {"times": times, "keys": keys, "sizes": sizes}

    def finish_segment(
        self, columns: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], scene: int = 0
    ) -> None:
        """Make the packets that were written a finished segment.

        Args:
            columns: what `write_packets` returned.
            state: what the next segment begins with.
            scene: number of the scene that it is of.
        """
        self._write_index(self._next(), columns, state, scene)

    def _write_index(
        self, name: str, columns: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], scene: int
    ) -> None:
        named = {**columns, "scene": np.array(scene), **{f"state.{key}": state[key] for key in state}}
        with atomic_path(self._folder / f"{name}.npz") as part:
            np.savez(part, allow_pickle=False, **named)

    def _next(self) -> str:
        return f"{len(self.indices()):06}"

    def packets(self) -> Iterator[tuple[bytes, bool]]:
        """Yield content of all finished packets, and whether it is a key frame, in the order of decoding."""
        for index in self.indices():
            with index.with_suffix(".packets").open("rb") as file:
                for size, is_key in zip(_column(index, "sizes"), _column(index, "keys"), strict=True):
                    yield file.read(int(size)), bool(is_key)

    @contextlib.contextmanager
    def result(self) -> Iterator[Path]:
        """Yield the path of the whole video while it is written; it becomes the target after the block.

        It is in the folder: what a killed run leaves of it is in nobody's way.
        """
        part = self._folder / f"0.part{self._target.suffix}"
        try:
            yield part
            with named_after(self._target):
                part.replace(self._target)
        finally:
            part.unlink(missing_ok=True)

    def remove(self, scenes: int = 0) -> None:
        """Clear the segments away, but for those of the first ``scenes``.

        Whenever that ends early, those that are left can be resumed.
        """
        for path in reversed(self.indices()):  # before their packets
            if scenes and int(_column(path, "scene")) < scenes:
                return
            path.unlink()
        for path in self._folder.glob("[0-9]*"):
            path.unlink()


def is_unfinished(target: Path) -> bool:
    """Tell whether an earlier run has begun ``target`` and left something to resume."""
    return any(_folder_of(target).glob(_INDICES))


def backend_begun_with(target: Path) -> str:
    """Return the name of the backend that an unfinished video was begun on; empty where there is none."""
    try:
        return str(json.loads((_folder_of(target) / _JOB).read_text())["backend"])
    except (*_DAMAGE, TypeError):
        return ""


def _folder_of(target: Path) -> Path:
    return target.with_name(f"{PART_PREFIX}{target.name}")


def _column(index: Path, name: str) -> np.ndarray:
    with np.load(index, allow_pickle=False) as arrays:
        return np.asarray(arrays[name])
