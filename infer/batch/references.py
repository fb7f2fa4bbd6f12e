"""Where a run finds the references of its photographs: one picture for all, or a folder of them."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from colorize_gan.core.contract import ModelContract
from colorize_gan.core.errors import ImageError, UsageError
from colorize_gan.core.files.folders import walk_files
from colorize_gan.core.images.formats import SUFFIXES
from colorize_gan.core.images.limits import MAX_MEGAPIXELS
from colorize_gan.core.text import composed
from colorize_gan.infer.batch.results import BatchOptions
from colorize_gan.infer.batch.work import WorkItem
from colorize_gan.infer.reference import ReferenceFile, check_takes_references, read_reference


class References:
    """References by the photographs they belong to. Files of this machine only."""

    def __init__(self, reference: Path | None, out: Path, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        """Look for them.

        Args:
            reference: the file of one for all, or a folder that mirrors that of the outputs; None for none.
            out: folder of the targets.
            max_megapixels: of each.

        Raises:
            UsageError: the file cannot be used, or the folder cannot be searched.
        """
        self._out, self._max_megapixels = out, max_megapixels
        self._for_all: ReferenceFile | None = None
        self._found: dict[str, list[Path]] = {}
        if reference and reference.is_dir():
            self._found = _pictures_in(reference)
        elif reference:
            self._for_all = ReferenceFile(
                reference, read_reference(reference, max_megapixels).digest, max_megapixels
            )

    def of(self, item: WorkItem) -> ReferenceFile | None:
        """Return the reference of a photograph, or of those in a shard, if it has one.

        Raises:
            ImageError: there are two, or it cannot be read.
        """
        if self._for_all:
            return self._for_all
        found = self._found.get(self._name(item), []) if self._found else []
        if len(found) > 1:
            raise ImageError(f"`reference`: {found[0]} and {found[1]} are both for it; keep one")
        return ReferenceFile.of(found[0], self._max_megapixels) if found else None

    def unused(self, items: Iterable[WorkItem]) -> Iterator[Path]:
        """Yield the files of the folder that belong to no photograph of the items."""
        used = set(map(self._name, items)) if self._found else set()
        for name, paths in self._found.items():
            if name not in used:
                yield from paths

    def _name(self, item: WorkItem) -> str:
        return _without_suffix(item.target, self._out)


NO_REFERENCES = References(None, Path())


def open_references(options: BatchOptions, out: Path, contract: ModelContract) -> References:
    """Return the references of a run with a model.

    Raises:
        UsageError: see `References`; or the model takes no hints.
    """
    if options.reference:
        check_takes_references(contract)
    return References(options.reference, out, options.max_megapixels)


def _pictures_in(folder: Path) -> dict[str, list[Path]]:
    """Return the pictures in a folder by their paths below it, without suffix."""
    errors: list[OSError] = []
    found: dict[str, list[Path]] = {}
    for path in walk_files(folder, recursive=True, errors=errors):
        if path.suffix.lower() in SUFFIXES:
            found.setdefault(_without_suffix(path, folder), []).append(path)
    if not found and not errors:
        raise UsageError(f"`reference` {folder}: there is no picture in this folder")
    if errors:
        raise UsageError(f"`reference` {errors[0].filename}: cannot be searched ({errors[0].strerror})")
    return found


def _without_suffix(path: Path, folder: Path) -> str:
    return composed(str(PurePosixPath(path.relative_to(folder).as_posix()).with_suffix("")))
