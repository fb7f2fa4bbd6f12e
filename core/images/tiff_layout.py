"""The first directory of a TIFF: the meaning of its samples and their places (TIFF 6.0, sections 2 to 21).

A decoder's samples mean what the directory says. libvips passes some on as something else, and fills tiles
that it cannot decode with black. So the directory is read before any of them is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from colorize_gan.core.errors import ImageError
from colorize_gan.core.images.metadata import DAMAGED
from colorize_gan.core.images.opened import UNDECODABLE

NONE, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS = 1, 5, 6, 7, 8, 32773
OLD_DEFLATE, LZMA, ZSTD = 32946, 34925, 50000
FAX = frozenset({2, 3, 4})
"""CCITT's codes for one bit: modified Huffman, groups 3 and 4."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6

PLANES = 284
"""The tag that says whether each sample has pieces of its own."""

_COLORS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3}
"""Samples of the colour, by PhotometricInterpretation; others are extra."""
_OTHER_SPACES = {4: "a transparency mask", 8: "CIELAB", 9: "ICC Lab", 10: "ITU Lab"} | {
    32803: "raw sensor data (CFA)",
    32844: "SGI LogL",
    32845: "SGI LogLuv",
    34892: "raw sensor data (LinearRaw)",
}
_OTHER_COMPRESSIONS = {
    OLD_JPEG: "old-style JPEG",
    9: "JBIG",
    10: "JBIG",
    32766: "NeXT",
    32809: "ThunderScan",
} | {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI Log",
    34677: "SGI Log24",
    34712: "JPEG 2000",
    34892: "lossy JPEG",
    34887: "LERC",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_KNOWN_COMPRESSIONS = FAX | {NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE, PACKBITS, LZMA, ZSTD}
_UNSIGNED, _UNDEFINED = 1, 4
_FORMATS = {2: "signed", 3: "float", 5: "complex", 6: "complex"}
_PREMULTIPLIED = 1
_ALPHAS = (_PREMULTIPLIED, 2)
_PREDICTING = frozenset({LZW, DEFLATE, OLD_DEFLATE, LZMA, ZSTD})
_CMYK_INKS = 1

DIRECTORY_DAMAGED = f"{UNDECODABLE}: its TIFF directory cannot be read"


@dataclass(frozen=True)
class Layout:
    """The samples of a page, and the pieces of the file, strips or tiles, that they lie in."""

    directory: Directory
    width: int
    height: int
    bits: int
    """Bits of each sample, 1 to 16."""
    samples: int
    """Samples of a pixel, colour and others."""
    photometric: int
    compression: int
    planes: int
    """One, or as many as `samples` where each has pieces of its own."""
    tile: tuple[int, int] | None
    """Height and width; None where the pieces are strips."""
    rows: int
    """Rows of a piece; the last strip of a plane may have fewer."""
    offsets: Sequence[int]
    counts: Sequence[int]
    """Bytes of each piece; empty where the file does not say."""

    @property
    def colors(self) -> int:
        """Samples of a pixel that are its colour: the first ones."""
        return _COLORS[self.photometric]

    @property
    def alpha(self) -> int | None:
        """The sample that is transparency: the first called so, or the only extra one, called nothing."""
        extras = numbers(self.directory, 338)[: self.samples - self.colors]
        if not extras:
            return self.colors if self.samples == self.colors + 1 else None
        return next((self.colors + place for place, kind in enumerate(extras) if kind in _ALPHAS), None)

    @property
    def is_premultiplied(self) -> bool:
        """True if the colour has been multiplied with the transparency."""
        extras = numbers(self.directory, 338)
        return self.alpha is not None and extras[self.alpha - self.colors :][:1] == (_PREMULTIPLIED,)

    @property
    def predictor(self) -> int:
        """How samples were made smaller: 1 for not at all, as of compressions that have none."""
        return number(self.directory, 317, 1) if self.compression in _PREDICTING else 1

    @property
    def pieces_of_plane(self) -> int:
        """Strips or tiles that a plane has."""
        down = -(-self.height // self.rows)
        return down * -(-self.width // self.tile[1]) if self.tile else down


def read_layout(directory: Directory) -> Layout:
    """Read what a directory says.

    Raises:
        ImageError: it is damaged, or of samples or a compression that cannot be read here.
    """
    try:
        return _layout(directory)
    except DAMAGED as error:
        raise ImageError(DIRECTORY_DAMAGED) from error


def _layout(directory: Directory) -> Layout:
    width, height = number(directory, 256), number(directory, 257)
    photometric, compression = number(directory, 262, -1), number(directory, 259, NONE)
    samples = number(directory, 277, 1)
    is_tiled = 322 in directory or 324 in directory
    tile = (number(directory, 323), number(directory, 322)) if is_tiled else None
    rows = tile[0] if tile else min(number(directory, 278, height), height)
    if min(width, height, samples, rows, *(tile or ())) < 1:
        raise ImageError(DIRECTORY_DAMAGED)
    _check_kind(directory, photometric, compression)
    layout = Layout(
        directory,
        width,
        height,
        _bits(directory, samples),
        samples,
        photometric,
        compression,
        samples if number(directory, PLANES, 1) == 2 else 1,
        tile,
        rows,
        numbers(directory, 324) or numbers(directory, 273),
        numbers(directory, 325) or numbers(directory, 279),
    )
    if samples < layout.colors:
        raise ImageError(f"{samples} samples a pixel are too few for its colours (photometric {photometric})")
    return layout


def _check_kind(directory: Directory, photometric: int, compression: int) -> None:
    """Refuse by its name what no decoder here reads, or reads wrongly."""
    if name := _OTHER_SPACES.get(photometric):
        raise ImageError(f"{name}; save it as sRGB")
    if compression not in _KNOWN_COMPRESSIONS:
        name = _OTHER_COMPRESSIONS.get(compression, f"compression {compression}")
        raise ImageError(f"{name} inside TIFF cannot be read here; save it with LZW or without compression")
    if photometric == CMYK and number(directory, 332, _CMYK_INKS) != _CMYK_INKS:
        raise ImageError("inks other than CMYK; save it as sRGB")
    if photometric not in _COLORS:
        what = f"photometric {photometric}" if photometric >= 0 else "no PhotometricInterpretation"
        raise ImageError(f"the TIFF does not say what its samples mean ({what}); save it as sRGB")
    for kind in numbers(directory, 339):
        if kind not in (_UNSIGNED, _UNDEFINED):
            what = _FORMATS.get(kind, f"format {kind}")
            raise ImageError(f"{what} samples; only 8 and 16 bits without sign can be colorized")


def _bits(directory: Directory, samples: int) -> int:
    depths = set(numbers(directory, 258)[:samples] or (1,))
    if len(depths) > 1 or max(depths) > 16:
        listed = ", ".join(str(depth) for depth in numbers(directory, 258)[:samples])
        raise ImageError(f"samples of {listed} bits; only 1 to 16, the same for all, can be colorized")
    return depths.pop()


def check_offsets(layout: Layout) -> None:
    """Refuse a TIFF of which strips or tiles are nowhere: libtiff takes them for black."""
    needed = layout.pieces_of_plane * layout.planes
    if len(layout.offsets) < needed:
        raise ImageError(f"{UNDECODABLE}: only some of its {needed} strips or tiles are listed")
    if min(layout.offsets[:needed]) <= 0:
        raise ImageError(f"{UNDECODABLE}: one of its strips or tiles is empty")


def check_pieces(layout: Layout, length: int) -> None:
    """Refuse a TIFF whose samples are not all in the file, which has ``length`` bytes."""
    check_offsets(layout)
    needed = layout.pieces_of_plane * layout.planes
    if len(layout.counts) < needed:
        raise ImageError(f"{UNDECODABLE}: only some of its {needed} strips or tiles are listed")
    for offset, count in zip(layout.offsets[:needed], layout.counts[:needed], strict=True):
        if count <= 0:
            raise ImageError(f"{UNDECODABLE}: one of its strips or tiles is empty")
        if offset + count > length:
            raise ImageError(
                "damaged or cut short: one of its strips or tiles lies behind the end of the file"
            )


def numbers(directory: Directory, tag: int) -> tuple[int, ...]:
    """Return the whole numbers of a tag; none where it is not there.

    Raises:
        ImageError: it has something else.
    """
    value = directory.get(tag)
    values = value if isinstance(value, (tuple, bytes)) else () if value is None else (value,)
    try:
        return tuple(int(each) for each in values)
    except DAMAGED as error:
        raise ImageError(DIRECTORY_DAMAGED) from error


def number(directory: Directory, tag: int, default: int = 0) -> int:
    """Return the first whole number of a tag."""
    return next(iter(numbers(directory, tag)), default)


def fractions(directory: Directory, tag: int) -> tuple[Fraction, ...]:
    """Return the fractions of a tag; those without a value are zero."""
    value = directory.get(tag)
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    return tuple(
        Fraction(each.numerator, each.denominator) if each.denominator else Fraction() for each in values
    )
