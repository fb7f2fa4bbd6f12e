"""WebDataset shards: tar files of samples, which are members in a row whose names begin alike.

A shard in colour has the members of its source, in their order, with the same names and the same bytes but
for the photographs. It appears when it is complete. A sample with a photograph that cannot be colorized is
left out.
"""

import contextlib
import dataclasses
import io
import itertools
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from colorize_gan.core.errors import ImageError
from colorize_gan.core.files.folders import is_hidden
from colorize_gan.core.images.limits import check_bytes
from colorize_gan.core.system.parallel import map_in_order
from colorize_gan.infer.batch.places import Place
from colorize_gan.infer.batch.planner import Task, failure
from colorize_gan.infer.batch.results import ItemResult, LeftError
from colorize_gan.infer.batch.work import Selection, WorkItem
from colorize_gan.infer.batch.worker import Worker

_KEY = re.compile(r"(?:.*/)?[^./]+(?=\.)")


class _Member(NamedTuple):
    """A member of a shard."""

    head: tarfile.TarInfo
    content: bytes


_Sample = Sequence[_Member]


@dataclass
class MemberPlace:
    """A member of a shard, in memory: see `Location`."""

    path: Path
    content: bytes = b""
    size: int = 0

    def with_stem(self, stem: str) -> Self:
        """See `Location.with_stem`."""
        return type(self)(self.path.with_stem(stem))

    def exists(self) -> bool:
        """Tell whether it has any content."""
        return bool(self.content)

    def read(self, max_megapixels: float) -> bytes:
        """Return its content: it was read with its shard, unless it has too many bytes.

        Raises:
            ImageError: it has too many bytes.
        """
        check_bytes(self.size, max_megapixels)
        return self.content

    def write(self, content: bytes, *, replace: bool = True) -> None:
        """Keep the content until the shard is written."""
        self.content = content


class ShardWorker:
    """Colorizes one shard after the other, its photographs on several threads."""

    def __init__(
        self, worker: Worker, members: Selection, threads: int, is_over: Callable[[], bool] = lambda: False
    ) -> None:
        """Prepare for a run: ``members`` says which are coloured, and their suffix."""
        self._worker, self._members = worker, members
        self._threads, self._is_over = threads, is_over

    def process(self, task: Task) -> ItemResult:
        """Bring one shard to its end.

        Raises:
            LeftError: the run was over before; there is no output.
        """
        if task.ended:
            return task.ended
        item = task.item
        try:
            with task.target.to_write() as part:
                results = self._write(task, part)
                size = part.stat().st_size
        except (ImageError, OSError) as error:
            return failure(item, error)
        except MemoryError:
            return failure(item, ImageError("not enough memory for one of its samples"))
        made_by = next((each.made_by for each in results if each.made_by), None)
        return ItemResult(
            item.source, item.target, "written", made_by=made_by, output_size=size, members=results
        )

    def _write(self, shard: Task, part: Path) -> list[ItemResult]:
        """Write the shard in colour to the file ``part``; return how its photographs ended."""
        results = list[ItemResult]()
        with (
            tarfile.open(part, "w") as out,
            contextlib.closing(
                map_in_order(
                    lambda sample: self._colorize(shard, sample),
                    _samples(shard.source, self._content),
                    self._threads,
                    "sample",
                )
            ) as done,
        ):
            for members, ended in done:
                if self._is_over():
                    raise LeftError
                results += ended
                for member in members:
                    with _damage_named():
                        out.addfile(member.head, io.BytesIO(member.content))
        if not results:
            raise ImageError("no images are in it, or match")
        return results

    def _colorize(self, shard: Task, sample: _Sample) -> tuple[_Sample, list[ItemResult]]:
        """Return a sample in colour, none if it is to be left out, and how its photographs ended."""
        made = [self._member(shard, member) for member in sample]
        results = [result for _, result in made if result]
        names = [member.head.name for member, _ in made]
        if len(names) != len(set(names)):
            reason = "two members of its sample would have one name; leave one out with `exclude`"
            results = [dataclasses.replace(result, status="failed", reason=reason) for result in results]
        reasons = [result for result in results if result.status != "written"]
        if not reasons:
            return [member for member, _ in made], results
        first = reasons[0]
        reason = f"left out with {first.source.name}"
        return [], [
            dataclasses.replace(result, target=None, status=first.status, reason=reason)
            if result.status == "written"
            else result
            for result in results
        ]

    def _member(self, shard: Task, member: _Member) -> tuple[_Member, ItemResult | None]:
        name = member.head.name
        if not member.head.isreg() or not self._is_photograph(PurePosixPath(name)):
            return member, None
        source = MemberPlace(shard.item.source / name, member.content, member.head.size)
        target = MemberPlace(self._members.renamed(shard.item.target / name))
        result = self._worker.colorize(
            WorkItem(source.path, target.path), source, target, reference=shard.reference
        )
        head = tarfile.TarInfo(name.removesuffix(PurePosixPath(name).suffix) + target.path.suffix)
        for field in ("mode", "uid", "gid", "uname", "gname", "mtime"):
            setattr(head, field, getattr(member.head, field))
        head.size = len(target.content)
        return _Member(head, target.content), result

    def _content(self, archive: tarfile.TarFile, head: tarfile.TarInfo) -> bytes:
        """Read a member; nothing of a photograph that is too large."""
        if self._is_photograph(PurePosixPath(head.name)) and self._worker.is_too_large(head.size):
            return b""
        file = None if head.islnk() or head.issym() else archive.extractfile(head)
        return file.read() if file else b""

    def _is_photograph(self, name: PurePosixPath) -> bool:
        return (
            name.suffix.lower() in self._members.suffixes
            and not is_hidden(name)
            and self._members.takes(name)
        )


def _samples(shard: Place, read: Callable[[tarfile.TarFile, tarfile.TarInfo], bytes]) -> Iterator[_Sample]:
    """Read a shard, sample by sample; ``read`` gives the content of a member.

    Raises:
        ImageError: it is damaged, not a tar file, or longer than what can be read.
        OSError: it cannot be read.
    """
    with _damage_named(), shard.to_read() as path, path.open("rb") as file:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            for _, heads in itertools.groupby(archive, key=lambda head: _key_of(head.name)):
                yield [_Member(head, read(archive, head)) for head in heads]
            file.seek(archive.offset)
        while rest := file.read(1 << 20):
            if rest.strip(b"\0"):
                raise ImageError(f"damaged: no member begins at byte {archive.offset}, and it is not the end")


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    """Turn what `tarfile` raises, of numbers out of range no `TarError`, into an `ImageError`."""
    try:
        yield
    except (tarfile.TarError, OverflowError, ValueError) as error:
        raise ImageError(f"not an uncompressed tar file, or damaged ({error})") from error


def _key_of(name: str) -> str:
    """Return what the members of a sample share: the name up to the first dot of its last part."""
    found = _KEY.match(name)
    return found[0] if found else name
