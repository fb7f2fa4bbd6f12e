"""The library names its settings; a command shows its options, and what it has no option for by its name."""

import logging

import click
from click.testing import CliRunner, Result

from colorize_gan.cli.exit_codes import exit_with_code
from colorize_gan.core.errors import TooLargeError
from colorize_gan.core.text import with_settings

MESSAGE = "9 x 9 pixels: more than `max_megapixels` 0; `quality` is `other`"


def run(*, raises: bool) -> Result:
    @click.command()
    @click.option("--max-megapixels", default=0)
    @click.option("-q", "--quality", "chosen", default=0)
    @exit_with_code
    def command(max_megapixels: int, chosen: int) -> int:
        if raises:
            raise TooLargeError(MESSAGE)
        logging.getLogger("colorize_gan.infer").warning(MESSAGE)
        logging.getLogger("colorize_gan.infer").info("not shown")
        return 0

    return CliRunner().invoke(command)


def test_an_error_names_options() -> None:
    result = run(raises=True)
    line = "error: 9 x 9 pixels: more than --max-megapixels 0; --quality is other\n"
    assert (result.exit_code, result.stderr) == (3, line)


def test_so_does_a_warning() -> None:
    result = run(raises=False)
    line = "9 x 9 pixels: more than --max-megapixels 0; --quality is other\n"
    assert (result.exit_code, result.stderr) == (0, line)


def test_without_a_command_names_stay() -> None:
    assert with_settings(MESSAGE) == "9 x 9 pixels: more than max_megapixels 0; quality is other"
    assert with_settings("`a b`.jpg: `A`, ``, `") == "`a b`.jpg: `A`, ``, `"
