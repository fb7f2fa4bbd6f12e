"""The browser page: what it consists of, and a server of it for this computer."""

from colorize_gan.infer.web.runtime import find_runtime
from colorize_gan.infer.web.site import Site, headers_of

__all__ = ["Site", "find_runtime", "headers_of"]
