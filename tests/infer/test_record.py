import os
import subprocess
import sys
from pathlib import Path

import pytest

from colorize_gan.encoding import PART_PREFIX
from colorize_gan.infer.record import FOLDER, Record


@pytest.fixture
def source(tmp_path: Path) -> os.stat_result:
    (tmp_path / "in.jpg").write_bytes(b"123")
    return (tmp_path / "in.jpg").stat()


def write(record: Record, target: Path, source: os.stat_result, settings: str = "s") -> None:
    with record.writing(target, 6, source, settings):
        target.write_bytes(b"output")


def test_what_was_written_is_current_in_this_and_the_next_run(tmp_path: Path, source: os.stat_result) -> None:
    target = tmp_path / "out" / "a.jpg"
    record = Record(tmp_path / "out")
    assert not record.is_current(target, source, "s")
    write(record, target, source)
    record.close()
    record = Record(tmp_path / "out")
    assert record.is_current(target, source, "s")
    assert not record.is_current(target, source, "other settings")
    target.write_bytes(b"a changed output")
    assert not record.is_current(target, source, "s")
    target.unlink()
    assert not record.is_current(target, source, "s")
    record.close()


def test_a_changed_input_is_noticed(tmp_path: Path, source: os.stat_result) -> None:
    record = Record(tmp_path)
    write(record, tmp_path / "a.jpg", source)
    record.close()
    os.utime(tmp_path / "in.jpg", ns=(0, 5))
    record = Record(tmp_path)
    assert not record.is_current(tmp_path / "a.jpg", (tmp_path / "in.jpg").stat(), "s")
    assert record.owns(tmp_path / "a.jpg")
    record.close()


def test_an_output_that_was_begun_only_is_owned_but_not_current(
    tmp_path: Path, source: os.stat_result
) -> None:
    record = Record(tmp_path)
    write(record, tmp_path / "a.jpg", source)
    with pytest.raises(RuntimeError), record.writing(tmp_path / "a.jpg", 6, source, "s"):
        raise RuntimeError
    record.close()
    record = Record(tmp_path)
    assert record.owns(tmp_path / "a.jpg")
    assert not record.is_current(tmp_path / "a.jpg", source, "s")
    assert not record.owns(tmp_path / "b.jpg")
    record.close()


def test_a_killed_run_is_cleared_away(tmp_path: Path, source: os.stat_result) -> None:
    """Its outputs are known, its unfinished file is gone, and a torn last line is no obstacle."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from colorize_gan.encoding import atomic_path\n"
        "from colorize_gan.infer.record import Record\n"
        "out = Path(sys.argv[1]); source = (out / 'in.jpg').stat(); record = Record(out)\n"
        "with record.writing(out / 'a.jpg', 6, source, 's'): (out / 'a.jpg').write_bytes(b'output')\n"
        "with record.writing(out / 'b.jpg', 6, source, 's'), atomic_path(out / 'b.jpg') as part:\n"
        "    part.write_bytes(b'half')\n"
        '    record._lines.write(b\'{"output": "c.j\')\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert list(tmp_path.glob(f"{PART_PREFIX}*"))
    record = Record(tmp_path)
    assert record.is_current(tmp_path / "a.jpg", source, "s")
    assert record.owns(tmp_path / "b.jpg")
    assert not list(tmp_path.glob(f"{PART_PREFIX}*.part*"))
    record.close()
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["lock", "record.jsonl"]


def test_two_runs_share_a_folder(tmp_path: Path, source: os.stat_result) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from colorize_gan.infer.record import Record\n"
        "out = Path(sys.argv[1]); source = (out / 'in.jpg').stat(); record = Record(out)\n"
        "with record.writing(out / 'theirs.jpg', 6, source, 's'):\n"
        "    (out / 'theirs.jpg').write_bytes(b'output')\n"
        "print('working', flush=True); sys.stdin.readline(); record.close()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "working\n"
    record = Record(tmp_path)
    # done by a run that is still at work
    assert record.is_current(tmp_path / "theirs.jpg", source, "s")
    write(record, tmp_path / "ours.jpg", source)
    record.close()
    other.communicate("\n")
    record = Record(tmp_path)
    assert record.is_current(tmp_path / "ours.jpg", source, "s")
    assert record.is_current(tmp_path / "theirs.jpg", source, "s")
    record.close()


def test_names_of_any_bytes(tmp_path: Path, source: os.stat_result) -> None:
    target = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff \n\xf0\x9f\x98\x80.jpg"))
    record = Record(tmp_path)
    write(record, target, source)
    record.close()
    record = Record(tmp_path)
    assert record.is_current(target, source, "s")
    record.close()


def test_two_records_of_one_folder_in_one_process(tmp_path: Path, source: os.stat_result) -> None:
    first, second = Record(tmp_path), Record(tmp_path)
    write(first, tmp_path / "a.jpg", source)
    write(second, tmp_path / "b.jpg", source)
    first.close()
    second.close()
    record = Record(tmp_path)
    assert record.is_current(tmp_path / "a.jpg", source, "s")
    assert record.is_current(tmp_path / "b.jpg", source, "s")
    record.close()
