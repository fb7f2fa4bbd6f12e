"""The browser page: what it consists of, and a server of it for this computer."""

from colorize_gan.infer.web.site import Site

__all__ = ["Site"]
