"""The `colorize-serve` command."""

from contextlib import nullcontext
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code, log_shown
from colorize_gan.cli.options import chosen_model, max_megapixels_option, runtime_options, workers_option
from colorize_gan.infer.server.job import ServeJob, run_server
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
@workers_option
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
@max_megapixels_option(Limits.max_megapixels)
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

    Answers are, byte for byte, the files that colorize-batch writes. SIGTERM and Ctrl-C finish what has
    begun. Needs one more package: pip install 'colorize-gan[serve]'.

    Exit codes: 0 told to stop, 2 wrong usage, 4 device not available, 5 model not usable,
    6 a backend gives other colours.
    """
    limits = Limits(max_megabytes, max_megapixels, queue, buffer_megabytes, time_limit, receive_timeout)
    job = ServeJob(host, port, token_file, chosen_model(), limits, workers, page, access_log=verbose)
    with log_shown() if verbose else nullcontext():
        run_server(job, say=lambda line: click.echo(line, err=True))
    return 0
