"""The `colorize-serve` command."""

from contextlib import nullcontext
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code, log_shown
from colorize_gan.cli.options import chosen_model, max_megapixels_option, runtime_options, workers_option
from colorize_gan.cli.paths import LocalPath
from colorize_gan.infer.server.job import ServeJob, run_server
from colorize_gan.infer.server.limits import Limits

_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--token-file",
    type=LocalPath(exists=True, dir_okay=False, path_type=Path),
    help="File with the bearer token that clients must send.  [default: $COLORIZE_TOKEN, else none]",
)
@runtime_options
@workers_option
@click.option(
    "--queue",
    type=click.IntRange(min=0),
    default=Limits.queue,
    show_default=True,
    help="Photographs that may wait for a worker; further ones get 429.",
)
@click.option(
    "--max-megabytes",
    type=_POSITIVE,
    default=Limits.max_megabytes,
    show_default=True,
    help="Largest request; larger ones get 413.",
)
@max_megapixels_option(Limits.max_megapixels)
@click.option(
    "--buffer-megabytes",
    type=_POSITIVE,
    default=Limits.buffer_megabytes,
    show_default=True,
    help="Largest total of uploads and responses in memory; beyond it, requests get 429.",
)
@click.option(
    "--time-limit",
    type=_POSITIVE,
    default=Limits.time_limit,
    show_default=True,
    help="Seconds for a request, including its wait in the queue; slower ones get 503.",
)
@click.option(
    "--receive-timeout",
    type=_POSITIVE,
    default=Limits.receive_timeout,
    show_default=True,
    help="Seconds for the headers, and for the body (longer as bytes arrive). Slower clients get 408.",
)
@click.option(
    "--page",
    is_flag=True,
    help="Serve the browser page at /. The first start downloads its runtime, as colorize-web does.",
)
@click.option("-v", "--verbose", is_flag=True, help="Print every request, the runtime and the device.")
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_serve(
    host: str,
    port: int,
    token_file: Path | None,
    workers: int | None,
    queue: int,
    max_megabytes: float,
    max_megapixels: float,
    buffer_megabytes: float,
    time_limit: float,
    receive_timeout: float,
    page: bool,
    verbose: bool,
) -> int:
    """Colorize photographs over HTTP: POST an image to /v1/colorize.

    An answer has the same bytes as the file that colorize-batch writes on the same backend. On SIGTERM and
    Ctrl-C the server finishes what it has begun. It needs more packages: pip install 'colorize-gan[serve]'.

    Exit codes: 0 told to stop, 2 wrong usage, 4 device not available, 5 model not usable,
    6 a backend gives other colours.
    """
    limits = Limits(max_megabytes, max_megapixels, queue, buffer_megabytes, time_limit, receive_timeout)
    job = ServeJob(host, port, token_file, chosen_model(), limits, workers, page, access_log=verbose)
    with log_shown() if verbose else nullcontext():
        run_server(job, say=lambda line: click.echo(line, err=True))
    return 0
