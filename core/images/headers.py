"""Size and depth of an image file by its header alone."""

from pathlib import Path

import pyvips

_BITS = {"uchar": 8, "ushort": 16}


def kind_in_header(path: Path) -> tuple[int, int, int] | None:
    """Return height, width and bits of a sample; None where libvips cannot tell."""
    try:
        image = pyvips.Image.new_from_file(str(path))
    except pyvips.Error:
        return None
    return (image.height, image.width, _BITS[image.format]) if image.format in _BITS else None
