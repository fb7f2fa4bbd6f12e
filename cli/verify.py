"""The `colorize-verify` command."""

from pathlib import Path

import click

from colorize_gan.cli.exit_codes import FiniteRange, exit_with_code
from colorize_gan.cli.paths import LocalPath
from colorize_gan.core.errors import UsageError, VerificationError
from colorize_gan.infer.backends.bundled import BACKENDS


@click.command()
@click.argument("model", type=LocalPath(path_type=Path))
@click.option(
    "--against",
    type=LocalPath(path_type=Path),
    help="Checkpoint or model file to compare with.  [default: the fingerprint in MODEL]",
)
@click.option(
    "--images",
    type=LocalPath(path_type=Path),
    help="Folder of photographs to compare on, with --against. Up to 300 are read.  "
    "[default: seven bundled ones]",
)
@click.option(
    "--device", default="auto", show_default=True, help="Device to run on: auto, cpu, cuda or cuda:N."
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="Runtime to verify on.  [default: the file's own]",
)
@click.option(
    "--max-delta-e",
    type=FiniteRange(min=0, min_open=True),
    help="Largest CIEDE2000 p99 that passes.  [default: that of the precision]",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_verify(
    model: Path,
    against: Path | None,
    images: Path | None,
    device: str,
    backend: str | None,
    max_delta_e: float | None,
) -> int:
    """Show the contract of a MODEL file and check its colours on this machine.

    Exit codes: 2 wrong usage, 4 no such device, 5 file not usable, 6 colours differ.
    """
    from colorize_gan.core.parity import PHOTOGRAPHS, enforce
    from colorize_gan.exporter.verify import card, verify
    from colorize_gan.infer.backends.bundled import find_model
    from colorize_gan.infer.backends.open import open_backend

    if images is not None and against is None:
        raise UsageError("--images: needs --against; a fingerprint is of known images only")
    opened = open_backend(
        find_model(model), backend or "native", device, gate=False
    )  # what follows is stricter
    click.echo(card(opened.contract))
    try:
        record, limit = verify(opened, against, images or PHOTOGRAPHS, max_delta_e)
        click.echo(
            f"- here, on {opened.name} {opened.device}, against {against or 'its fingerprint'}: CIEDE2000 "
            f"mean {record['mean']}, p99 {record['p99']} (at most {limit.p99}), max {record['max']}, "
            f"changed 8-bit pixels {record['changed_pixels']:.2%}, worst on {record['worst']}"
        )
        enforce(record, limit)
    except VerificationError as error:
        raise VerificationError(f"{model}: {error}") from error
    return 0
