"""How much a server takes on."""

import math
from dataclasses import dataclass, fields

from colorize_gan.core.errors import UsageError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """The limits of a server, so that no client can fill its memory or keep it from the others."""

    max_megabytes: float = 64.0
    """Size of one request body."""
    max_megapixels: float = 50.0
    """Pixels of one photograph, as its header says, before it is decoded."""
    queue: int = 64
    """Photographs that wait for a worker."""
    buffer_megabytes: float = 512.0
    """Size of all bodies received and not yet answered, and of all answers not yet taken."""
    time_limit: float = 60.0
    """Seconds from the last byte of the body to the answer."""
    receive_timeout: float = 20.0
    """Seconds for a request's headers, for its body (longer as bytes arrive), and for a client that takes
    nothing of its answer."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be limits, and a buffer that no large body fits into."""
        for field in fields(self):
            if not math.isfinite(value := getattr(self, field.name)):
                raise UsageError(f"`{field.name}` {value}: not a finite number")
        if self.buffer_megabytes < self.max_megabytes:
            raise UsageError(
                f"`buffer_megabytes` {self.buffer_megabytes:g}: less than "
                f"`max_megabytes` {self.max_megabytes:g}"
            )
