"""The errors of libvips."""

import contextlib
from collections.abc import Iterator

import pyvips


@contextlib.contextmanager
def vips_errors() -> Iterator[None]:
    """Raise what libvips says as `pyvips.Error`, also where it quotes a damaged file and is no UTF-8.

    pyvips raises `UnicodeDecodeError` there, before it clears the message: all later calls would, too.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        pyvips.vips_lib.vips_error_clear()
        said = error.object.decode("utf-8", "backslashreplace")
        raise pyvips.Error("libvips", said) from error
