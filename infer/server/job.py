"""A server: what it is asked to be, and being it."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from colorize_gan.core.files.paths import StrPath
from colorize_gan.infer.batch.open import ModelOptions
from colorize_gan.infer.server.limits import Limits


@dataclass(frozen=True)
class ServeJob:
    """The options of a server."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0 for any that is free."""
    token_file: StrPath | None = None
    """See `read_token`."""
    model: ModelOptions = field(default_factory=ModelOptions)
    """Saturation and strength are each request's own."""
    limits: Limits = field(default_factory=Limits)
    workers: int | None = None
    """Images in progress at once; None for one a core."""
    page: bool = False
    """Offer the browser page, too."""
    access_log: bool = False


def run_server(job: ServeJob, say: Callable[[str], None]) -> None:
    """Serve until a signal ends it.

    Args:
        job: what is asked for.
        say: called with lines on what takes long, the server's address, and what is open about it.

    Raises:
        UsageError: the address is not available, the token is not valid, or there is no page.
        ColorizeError: the model cannot be used: see `Colorizer`.
    """
    from colorize_gan.infer.server.service import Service
    from colorize_gan.infer.server.serving import Server, bind, read_token, serve
    from colorize_gan.infer.web.runtime import open_site

    token = read_token(job.token_file)
    site = open_site(job.model.model, say=say) if job.page else None
    with bind(job.host, job.port) as listening:
        colorizer = job.model.opened()
        address, port = listening.getsockname()[:2]
        if token is None and not _is_loopback(address):
            say(f"{job.host}: whoever reaches it can use it; COLORIZE_TOKEN would ask for a token")
        service = Service(colorizer, job.limits, job.workers)
        server = Server(service, token, site, access_log=job.access_log)
        used = colorizer.backend
        shown = f"[{job.host}]" if ":" in job.host else job.host
        running = f"{colorizer.contract.name} on {used.name}, {used.device}, {used.precision}"
        say(f"model {running}: http://{shown}:{port}")
        serve(server, listening)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
