"""The exceptions that a caller may want to catch, and the exit code each one stands for.

* ColorizeError
  * UsageError               (2)  an option or argument that cannot be honoured
    * DataError                   a data set that is empty, too small or without colour
    * MissingPackageError         a package that an extra brings is not installed
  * ImageError               (3)  one image cannot be read or written; the run continues
    * TooLargeError               it has more pixels than are allowed
    * UnknownFormatError          its format is not one that can be read here
    * VideoError                  the same of a video
  * DeviceError              (4)  the requested device or backend is not available
  * ModelError               (5)  a model or checkpoint is missing, damaged or without a contract
  * VerificationError        (6)  a file or a backend gives other colours than it should
"""

from typing import ClassVar


class ColorizeError(Exception):
    """Base of everything this package raises on purpose; its text is one line for the user.

    The text has the settings it names in backquotes, by their names in Python: `max_megapixels`. A command
    shows them as its options, a server without the backquotes: see `colorize_gan.core.text`.
    """

    exit_code: ClassVar[int] = 1


class UsageError(ColorizeError):
    """An option or argument that cannot be honoured."""

    exit_code = 2


class DataError(UsageError):
    """A data set that is empty, too small or without colour."""


class MissingPackageError(UsageError):
    """A package that what was asked for needs is not installed: see `colorize_gan.core.extras`."""


class ImageError(ColorizeError):
    """One image cannot be read, colorized or written."""

    exit_code = 3


class TooLargeError(ImageError):
    """An image with more pixels than are allowed."""


class UnknownFormatError(ImageError):
    """An image in a format that cannot be read here."""


class VideoError(ImageError):
    """One video cannot be read, colorized or written."""


class DeviceError(ColorizeError):
    """The requested device or backend is not available here."""

    exit_code = 4


class ModelError(ColorizeError):
    """A model or checkpoint is missing, damaged or without a valid contract."""

    exit_code = 5


class VerificationError(ColorizeError):
    """Colours differ more than the limit allows."""

    exit_code = 6
