import errno
import os
from pathlib import Path

import pytest

from colorize_gan.trainer.checkpoint import load_checkpoint


def test_full_disk_is_said_of_the_checkpoint_and_the_older_one_stays(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path)

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left") as error:
            checkpoint.save(path)
    assert error.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    load_checkpoint(path)
