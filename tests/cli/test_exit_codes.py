import errno
import os

import click
import pytest
from click.testing import CliRunner

from colorize_gan.cli.exit_codes import exit_with_code


def test_full_disk_is_one_line_and_an_unknown_error_is_a_bug() -> None:
    @click.command()
    @click.option("--code", type=int)
    @exit_with_code
    def command(code: int) -> int:
        raise OSError(code, os.strerror(code))

    result = CliRunner().invoke(command, ["--code", str(errno.ENOSPC)])
    assert (result.exit_code, result.stderr) == (2, "error: No space left on device\n")
    with pytest.raises(OSError, match="descriptor"):
        CliRunner().invoke(command, ["--code", str(errno.EBADF)], catch_exceptions=False)
