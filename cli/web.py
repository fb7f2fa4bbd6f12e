"""The `colorize-web` command."""

import webbrowser
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code, stop_requests
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL
from colorize_gan.infer.web.runtime import open_site
from colorize_gan.infer.web.server import serve_page

_PORT = 8537  # one of its own: a browser keeps what it needs offline by address and port


@click.command()
@click.option(
    "-m", "--model", default=DEFAULT_MODEL, show_default=True, help="Bundled name or lab .onnx file."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    help="0 takes any that is free.",
)
@click.option("--no-open", is_flag=True, help="Print the address only.")
@click.option(
    "--runtime",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The npm package of ONNX Runtime Web as a file, instead of fetching it.",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_web(model: str, port: int, no_open: bool, runtime: Path | None) -> int:
    """Colorize photographs in the browser: they stay on this computer.

    Serves the page on this computer only, until Ctrl-C. The first start fetches ONNX Runtime Web from npm's
    registry; later ones need no network.

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
