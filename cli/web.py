"""The `colorize-web` command."""

import errno
import threading
import webbrowser
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code, stop_requests
from colorize_gan.core.errors import UsageError
from colorize_gan.infer.backends.bundled import DEFAULT_MODEL, find_model
from colorize_gan.infer.web.runtime import find_runtime
from colorize_gan.infer.web.server import PageServer
from colorize_gan.infer.web.site import Site

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
    site = open_site(model, runtime)
    with stop_requests() as stop, _listen(site, port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        click.echo(f"{server.url}  (Ctrl-C stops)")
        if not no_open:
            webbrowser.open(server.url)
        stop.wait()
        server.shutdown()
    return 0


def open_site(model: str, runtime: Path | None = None) -> Site:
    """Return the page's files; what takes long is said on stderr.

    Args:
        model: see `find_model`.
        runtime: see `find_runtime`.

    Raises:
        UsageError: no page, no runtime, or not a model for it.
        ModelError: no such model.
    """
    path = find_model(model)
    if path.suffix != ".onnx":
        raise UsageError(f"--model {model}: the page takes .onnx files")
    return Site(path, find_runtime(runtime, say=lambda line: click.echo(line, err=True)))


def _listen(site: Site, port: int) -> PageServer:
    try:
        return PageServer(site, port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(f"--port {port}: {error.strerror}; take another one, or 0 for any") from error
