"""What the INPUTs of `colorize-video` come to: films, folders of them, sequences of images."""

import glob
from collections import Counter
from pathlib import Path

from colorize_gan.core.errors import UsageError, VideoError
from colorize_gan.core.files.containers import CONTAINERS, VIDEO_SUFFIXES
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.work import BadInput, Selection, Work, WorkItem
from colorize_gan.infer.video.sequence import is_sequence, pattern_in


def find_video_work(
    inputs: tuple[Path, ...], out: Path, *, recursive: bool, container: str | None, has_rate: bool
) -> Work:
    """Find what is to be made of the inputs.

    Args:
        inputs: files, folders, globs, or one sequence: its pattern, or its folder.
        out: file, folder, or pattern of a sequence.
        recursive: whether subfolders are searched.
        container: of films in a folder, without a dot.
        has_rate: whether a folder is one of images.

    Raises:
        UsageError: ``out`` does not go with the inputs.
        VideoError: an input is not there.
    """
    first, is_single = inputs[0], len(inputs) == 1
    if is_single and (is_sequence(first) or (first.is_dir() and (has_rate or is_sequence(out)))):
        return _of_sequence(first, out)
    is_file = is_single and first.is_file() and bool(out.suffix) and not out.is_dir()
    if not is_file:
        if out.is_file() or is_sequence(out):
            if is_single and not first.exists() and not glob.has_magic(str(first)):
                raise VideoError(f"{first}: no such file or folder")
            raise UsageError(f"--out {out}: a file; several videos need a folder")
        suffix = f".{container}" if container else None
        return find_work(inputs, out, Selection(recursive, video_suffix=suffix, suffixes=VIDEO_SUFFIXES))
    if container:
        raise UsageError("--container is for results in a folder; the name of --out says what to write")
    if out.suffix.lower() not in CONTAINERS and not is_sequence(out):
        raise UsageError(f"--out {out}: cannot write {out.suffix}; one of {', '.join(CONTAINERS)}")
    return _of(first, out)


def _of_sequence(source: Path, out: Path) -> Work:
    try:
        pattern = pattern_in(source) if source.is_dir() else source
    except VideoError as error:
        return Work([], [BadInput(source, str(error))], Counter())
    if is_sequence(out) or (out.suffix.lower() in CONTAINERS and not out.is_dir()):
        return _of(pattern, out)
    if out.suffix and not out.is_dir():
        raise UsageError(
            f"--out {out}: a sequence becomes a folder, a pattern as new_%06d.tif, or {', '.join(CONTAINERS)}"
        )
    return _of(pattern, out / pattern.name)


def _of(source: Path, target: Path) -> Work:
    if target.resolve() == source.resolve():
        raise UsageError(f"--out {target}: is the input itself")
    return Work([WorkItem(source, target)], [], Counter())
