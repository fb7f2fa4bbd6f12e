"""How large an image and its file may be."""

from colorize_gan.core.errors import TooLargeError

MAX_MEGAPIXELS = 200.0
"""Of an image, unless told otherwise."""

_MOST_BYTES = 8  # of a pixel: four channels of 16 bits
_BESIDE_PIXELS = 64_000_000  # bytes, for what is said beside them


def check_size(width: int, height: int, max_megapixels: float | None) -> None:
    """Refuse an image of more megapixels than allowed; None for any.

    Raises:
        TooLargeError: it has more.
    """
    if max_megapixels is not None and not width * height <= max_megapixels * 1e6:  # not: NaN
        raise TooLargeError(
            f"{width} x {height} pixels: more than max_megapixels {max_megapixels:g}",
            setting="max_megapixels",
        )


def check_bytes(size: int, max_megapixels: float) -> None:
    """Refuse a file of more bytes than an image of so many megapixels can need; the rest is no picture.

    Raises:
        TooLargeError: it has more.
    """
    if not size <= max_megapixels * 1e6 * _MOST_BYTES + _BESIDE_PIXELS:  # not: NaN
        raise TooLargeError(
            f"a file of {size / 1e6:.0f} MB: more than an image of {max_megapixels:g} megapixels needs"
        )
