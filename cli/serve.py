"""The `colorize-serve` command."""

import ipaddress
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from colorize_gan.cli.exit_codes import exit_with_code, log_shown
from colorize_gan.cli.options import AutoInt, runtime_options
from colorize_gan.cli.web import open_site
from colorize_gan.infer.server.limits import Limits

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a bearer token that clients must send; else $COLORIZE_TOKEN, else none.",
)
@runtime_options
@click.option("--workers", type=AutoInt(), default="auto", show_default=True, help="Images in work at once.")
@click.option(
    "--queue",
    type=click.IntRange(min=0),
    default=Limits.queue,
    show_default=True,
    help="Photographs that may wait for a worker; more are answered 429.",
)
@click.option(
    "--max-megabytes", type=_POSITIVE, default=Limits.max_megabytes, show_default=True, help="Of one request."
)
@click.option(
    "--max-megapixels",
    type=_POSITIVE,
    default=Limits.max_megapixels,
    show_default=True,
    help="Refuse larger images.",
)
@click.option(
    "--buffer-megabytes",
    type=_POSITIVE,
    default=Limits.buffer_megabytes,
    show_default=True,
    help="Of all photographs on their way in and out; beyond it, 429.",
)
@click.option(
    "--time-limit",
    type=_POSITIVE,
    default=Limits.time_limit,
    show_default=True,
    help="Seconds to wait and be colorized; beyond it, 503.",
)
@click.option(
    "--receive-timeout",
    type=_POSITIVE,
    default=Limits.receive_timeout,
    show_default=True,
    help="Seconds for headers, and for a body: more as it arrives; beyond it, 408.",
)
@click.option(
    "--page",
    is_flag=True,
    help="Offer the browser page at /; its runtime is fetched once, as colorize-web does.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print every request, the backend and the device.")
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_serve(
    host: str,
    port: int,
    token_file: Path | None,
    model: str,
    device: str,
    backend: str,
    render_size: int | None,
    batch_size: int | None,
    workers: int | None,
    page: bool,
    verbose: bool,
    **limits: Any,
) -> int:
    """Colorize photographs over HTTP: POST an image to /v1/colorize.

    Answers are, byte for byte, the files that colorize-batch writes. SIGTERM and Ctrl-C finish what has
    begun. Needs one more package: pip install 'colorize-gan[serve]'.

    Exit codes: 0 told to stop, 2 wrong usage, 4 device not available, 5 model not usable,
    6 a backend gives other colours.
    """
    from colorize_gan.infer.server.service import Service
    from colorize_gan.infer.server.serving import Server, bind, read_token, serve

    bounds = Limits(**limits)
    token = read_token(token_file)
    site = open_site(model) if page else None
    with bind(host, port) as listening:
        from colorize_gan.infer.colorizer import Colorizer

        with log_shown() if verbose else nullcontext():
            colorizer = Colorizer(
                model, device=device, backend=backend, render_size=render_size, batch_size=batch_size
            )
        if token is None and not _is_loopback(listening.getsockname()[0]):
            click.echo(
                f"{host}: whoever reaches it can use it; COLORIZE_TOKEN would ask for a token", err=True
            )
        server = Server(Service(colorizer, bounds, workers), token, site, access_log=verbose)
        used = colorizer.backend
        shown = f"[{host}]" if ":" in host else host
        click.echo(
            f"model {colorizer.contract.name} on {used.name}, {used.device}, {used.precision}: "
            f"http://{shown}:{listening.getsockname()[1]}",
            err=True,
        )
        serve(server, listening)
    return 0


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
