"""One HTML page of a run's photographs, before and after, that a person looks over."""

import base64
import contextlib
import html
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote

import cv2
import numpy as np

from colorize_gan.core.color.pixels import to_8_bits
from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.atomic import lasting_part, lasting_path
from colorize_gan.core.files.folders import GALLERY_MARK
from colorize_gan.core.files.paths import StrPath

THUMBNAIL_SIDE = 480
"""Long side of a thumbnail, pixels: sharp in a card on dense screens, and 50,000 pairs stay below 3 GB."""
EMBED_LIMIT = 400
"""Entries above which a page should have its thumbnails beside it: 400 pairs make it 30 MB."""

_QUALITY = 80
_FOLDER_SIZE = 1000  # entries a folder: file systems of memory cards are slow with more
_TEMPLATE = Path(__file__).with_name("gallery.html")

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL_PICTURES = {code: 0x2400 + code for code in range(32)} | {127: 0x2421}


@dataclass(frozen=True)
class GalleryEntry:
    """How one photograph ended, and its pictures."""

    source: str
    """Name to show; may hold any characters."""
    target: str | None
    """Path of the file to link to."""
    status: Literal["written", "skipped", "failed"]
    reason: str
    """Why it was skipped or failed, else empty."""
    note: str
    """Why a person should look at it, else empty."""
    before: bytes
    """Thumbnail as of `thumbnail`; a card has pictures when there are both."""
    after: bytes
    hints: int | None = None
    """How many it was coloured with."""
    reference: str | None = None
    """Name of the picture whose colours it got; may hold any characters."""


def thumbnail(rgb: np.ndarray) -> bytes:
    """Make a small picture to show; one smaller than `THUMBNAIL_SIDE` keeps its size.

    JPEG: OpenCV's WebP is half the size, but takes twenty times as long.

    Args:
        rgb: grey ``(H, W)``, RGB ``(H, W, 3)`` or RGBA ``(H, W, 4)``, uint8 or uint16; shown over white.

    Returns:
        A JPEG file.
    """
    if rgb.ndim == 3 and rgb.shape[2] == 4:
        rgb = _over_white(rgb)
    scale = min(1.0, THUMBNAIL_SIDE / max(rgb.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    small = to_8_bits(small)
    if small.ndim == 3:
        small = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _over_white(rgba: np.ndarray) -> np.ndarray:
    """Lay RGBA ``(H, W, 4)`` over white; RGB of the same dtype."""
    white = np.iinfo(rgba.dtype).max
    alpha = cv2.cvtColor(rgba[..., 3], cv2.COLOR_GRAY2RGB)
    # OpenCV keeps to the integers of the dtype: floats of a large scan would not fit into memory
    return cv2.multiply(rgba[..., :3], alpha, scale=1 / white) + (white - alpha)


def replaced_folder(page: StrPath, entries: int) -> Path | None:
    """Return the folder that a new page of so many entries replaces or removes, if any."""
    page = Path(page)
    folder = _thumbnails_of(page)
    return folder if entries > EMBED_LIMIT or _is_gallery_folder(folder) else None


class Gallery:
    """A gallery page being written.

    As a context manager it appears when the block ends, and does not when the block raises. Thumbnails
    that are not in the page are in ``<stem>_files`` beside it, which replaces that of an older gallery.
    """

    def __init__(self, path: StrPath, title: str, embed: bool) -> None:
        """Begin a page; nothing is at ``path`` before it is complete.

        Args:
            path: the HTML file.
            title: its heading, any characters.
            embed: put the thumbnails into the page; else they are files beside it.

        Raises:
            UsageError: the thumbnails' folder is there and no gallery's, so that it must not be replaced.
            OSError: the page cannot be written.
        """
        path = Path(path)
        self._path = path
        self._folder = _thumbnails_of(path)
        self._count = 0
        head, self._tail = _page_around_entries(title)
        if not embed:
            _check_replaceable(self._folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            part = stack.enter_context(lasting_path(path))
            self._thumbnails = None if embed else stack.enter_context(_atomic_folder(self._folder))
            self._page = stack.enter_context(part.open("w", encoding="utf-8", newline="\n"))
            self._page.write(head)
            self._stack = stack.pop_all()

    def add(self, entry: GalleryEntry) -> None:
        """Append one photograph.

        Raises:
            OSError: it cannot be written, the disk being full for instance.
        """
        source = _shown(entry.source)
        has_pictures = bool(entry.before and entry.after)
        row = {
            "source": source,
            "name": PurePath(source).name or source,
            "link": None if entry.target is None else _url(entry.target, self._path.parent),
            "status": entry.status,
            "reason": _shown(entry.reason),
            "note": _shown(entry.note),
            "hints": entry.hints or 0,
            "reference": _shown(entry.reference or ""),
            "before": self._picture(entry.before, "before") if has_pictures else None,
            "after": self._picture(entry.after, "after") if has_pictures else None,
        }
        # of all JSON only < could end the script element that it is in
        text = json.dumps(row).replace("<", r"\u003c")
        self._page.write(f",\n{text}" if self._count else f"\n{text}")
        self._count += 1

    def close(self) -> None:
        """Complete the page: it appears now.

        Raises:
            OSError: it cannot be written; nothing appears.
        """
        if self._page.closed:
            return
        with self._stack:
            self._page.write(self._tail)
        if self._thumbnails is None and _is_gallery_folder(self._folder):
            shutil.rmtree(self._folder)  # of the page that this one replaced

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)

    def _picture(self, data: bytes, kind: str) -> str:
        """Store a thumbnail; return its URL."""
        if self._thumbnails is None:
            return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
        name = f"{self._count // _FOLDER_SIZE:03}/{self._count % _FOLDER_SIZE:03}-{kind}.jpg"
        file = self._thumbnails / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        return f"{quote(os.fsencode(self._folder.name))}/{name}"


def _page_around_entries(title: str) -> tuple[str, str]:
    """Return what of the page comes before its entries, and what after them."""
    head, _, tail = _TEMPLATE.read_text("utf-8").partition("{{entries}}")
    return head.replace("{{title}}", html.escape(_shown(title))), tail


def _url(target: str, folder: Path) -> str:
    """Return the URL of a file for a page in ``folder``, relative where it can be."""
    try:
        relative = os.path.relpath(target, folder)
    except ValueError:  # another drive of Windows
        return Path(target).absolute().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")))


def _shown(text: str) -> str:
    """Return any text with signs for what cannot be shown, such as the undecodable bytes of file names."""
    return _SURROGATE.sub("\ufffd", text).translate(_CONTROL_PICTURES)


def _thumbnails_of(page: Path) -> Path:
    return page.with_name(f"{page.stem}_files")


def _is_gallery_folder(folder: Path) -> bool:
    return (folder / GALLERY_MARK).is_file()


def _check_replaceable(folder: Path) -> None:
    if folder.exists() and not _is_gallery_folder(folder):
        raise UsageError(f"{folder} is needed for the gallery's thumbnails and holds something else")


@contextlib.contextmanager
def _atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a hidden folder beside ``target`` that takes its place when the block succeeds."""
    with lasting_part(target) as part, lasting_part(target) as old:
        part.mkdir()
        (part / GALLERY_MARK).touch()
        yield part
        if target.exists():
            _check_replaceable(target)  # it may be another one than when the run began
            target.rename(old)
        part.rename(target)
