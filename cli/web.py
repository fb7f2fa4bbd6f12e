"""The `colorize-web` command."""

import webbrowser
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code, stop_requests
from colorize_gan.cli.paths import LocalPath
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL
from colorize_gan.infer.web.runtime import open_site
from colorize_gan.infer.web.server import serve_page

_PORT = 8537  # one of its own: a browser keeps what it needs offline by address and port


@click.command()
@click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Model: the name of a bundled one, or a lab .onnx file.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--no-open", is_flag=True, help="Print the address, but do not open a browser.")
@click.option(
    "--runtime",
    type=LocalPath(exists=True, dir_okay=False, path_type=Path),
    help="Use this file of ONNX Runtime Web's npm package instead of downloading it.",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_web(model: str, port: int, no_open: bool, runtime: Path | None) -> int:
    """Colorize photographs in the browser. They stay on this computer.

    Serves the page on this computer only, until Ctrl-C. The first start downloads ONNX Runtime Web from
    npm's registry. Later starts need no network.

    Exit codes: 0 stopped, 2 wrong usage, no page or no runtime, 5 model not usable.
    """
    site = open_site(model, runtime, say=lambda line: click.echo(line, err=True))

    def show(url: str) -> None:
        click.echo(f"{url}  (Ctrl-C stops)")
        if not no_open:
            webbrowser.open(url)

    with stop_requests() as stop:
        serve_page(site, port, stop, show)
    return 0
