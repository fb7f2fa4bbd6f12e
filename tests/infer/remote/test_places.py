"""Where a picture is: what differs between files and objects."""

from pathlib import Path

import pytest

from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.remote.places import ANYWHERE


def test_a_text_may_be_an_url(tmp_path: Path) -> None:
    pytest.importorskip("upath")
    from upath import UPath

    [item] = find_work("memory://nowhere/a.jpg", "memory://out", Selection(), ANYWHERE).bad
    assert str(item.source) == str(UPath("memory://nowhere/a.jpg"))
