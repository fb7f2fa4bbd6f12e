"""How large an image and its file may be."""

from colorize_gan.core.errors import TooLargeError

MAX_MEGAPIXELS = 200.0
"""Largest image, unless the caller says otherwise."""

_MOST_BYTES = 8  # of a pixel: four channels of 16 bits
_BESIDE_PIXELS = 64_000_000  # bytes, for what is said beside them


def check_size(width: int, height: int, max_megapixels: float | None) -> None:
    """Refuse an image of more megapixels than allowed; None for any.

    Raises:
        TooLargeError: it has more.
    """
    if max_megapixels is not None and not width * height <= max_megapixels * 1e6:  # not: NaN
        raise TooLargeError(f"{width} x {height} pixels: more than `max_megapixels` {max_megapixels:g}")


def check_bytes(size: int, megapixels: float, pictures: int = 1) -> None:
    """Refuse a file of more bytes than images of so many megapixels can need; the rest is not picture.

    Args:
        size: of the file.
        megapixels: that an image has, or may have.
        pictures: of that size that the file may hold, as the layers beside an image.

    Raises:
        TooLargeError: it has more.
    """
    if not size <= megapixels * pictures * 1e6 * _MOST_BYTES + _BESIDE_PIXELS:  # not: NaN
        raise TooLargeError(
            f"a file of {size / 1e6:.0f} MB: more than an image of {megapixels:g} megapixels needs"
        )
