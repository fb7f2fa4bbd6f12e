"""The report and gallery that a run writes beside its outputs: they must not take the outputs' places."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.batch.work import Work


def check_pages(work: Work, pages: Iterable[Path], thumbnails: Path | None = None) -> None:
    """Refuse a report, gallery or comparison that would take the place of an input, an output or another one.

    Args:
        work: of the run.
        pages: what it reads and writes beside its inputs and outputs.
        thumbnails: folder of a gallery, which is replaced in whole.

    Raises:
        UsageError: that, or there is something that is not a file.
    """
    paths = [path.resolve() for path in pages]
    pictures = (
        {path.resolve() for item in work.items for path in (item.source, item.target)} if paths else set()
    )
    for path, count in Counter(paths).items():
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: not a regular file; what is there would be replaced")
        if path in pictures or count > 1:
            raise UsageError(
                f"{path}: `report`, `gallery`, `scenes`, `hints`, `reference` and `compare` need names of "
                "their own"
            )
    replaced = thumbnails.resolve() if thumbnails else None
    if replaced and any(path.is_relative_to(replaced) for path in pictures):
        raise UsageError(f"{thumbnails}: the gallery's thumbnails replace this folder; use another `gallery`")
