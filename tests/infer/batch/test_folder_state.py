import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from colorize_gan.core.files.atomic import PART_PREFIX
from colorize_gan.infer.batch.folder_state import FOLDER, FolderState, read_record
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.state import Entry, read_lines, usual_backend


@pytest.fixture
def source(tmp_path: Path) -> Version:
    (tmp_path / "in.jpg").write_bytes(b"123")
    return Version.of(tmp_path / "in.jpg")


def write(state: FolderState, target: Path, source: Version, settings: str = "s") -> None:
    state.start({target: ""})
    target.write_bytes(b"output")
    state.finish(target, Entry.of(source, settings, 6, {}))


def test_what_was_written_is_current_in_this_and_the_next_run(tmp_path: Path, source: Version) -> None:
    target = tmp_path / "out" / "a.jpg"
    state = FolderState(tmp_path / "out")
    assert not state.standing(target).is_current(source, "s")
    write(state, target, source)
    state.close()
    state = FolderState(tmp_path / "out")
    assert state.standing(target).is_current(source, "s")
    assert not state.standing(target).is_current(source, "other settings")
    target.write_bytes(b"a changed output")
    assert not state.standing(target).is_current(source, "s")
    target.unlink()
    assert not state.standing(target).is_current(source, "s")
    state.close()


def test_a_changed_input_is_noticed(tmp_path: Path, source: Version) -> None:
    state = FolderState(tmp_path)
    write(state, tmp_path / "a.jpg", source)
    state.close()
    os.utime(tmp_path / "in.jpg", ns=(0, 5))
    state = FolderState(tmp_path)
    assert not state.standing(tmp_path / "a.jpg").is_current(Version.of(tmp_path / "in.jpg"), "s")
    assert state.standing(tmp_path / "a.jpg").is_ours
    state.close()


def test_an_output_that_was_begun_only_is_owned_but_not_current(tmp_path: Path, source: Version) -> None:
    state = FolderState(tmp_path)
    write(state, tmp_path / "a.jpg", source)
    state.start({tmp_path / "a.jpg": ""})
    state.close()
    state = FolderState(tmp_path)
    assert state.standing(tmp_path / "a.jpg").is_ours
    assert not state.standing(tmp_path / "a.jpg").is_current(source, "s")
    assert not state.standing(tmp_path / "b.jpg").is_ours
    state.close()


def test_a_killed_run_is_cleared_away(tmp_path: Path, source: Version) -> None:
    """Its outputs are known, its unfinished file is gone, and a torn last line is no obstacle."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from colorize_gan.core.files.atomic import atomic_path\n"
        "from colorize_gan.infer.batch.folder_state import FolderState\n"
        "from colorize_gan.infer.batch.state import Entry\n"
        "from colorize_gan.infer.batch.input_state import Version\n"
        "out = Path(sys.argv[1]); source = Version.of(out / 'in.jpg'); state = FolderState(out)\n"
        "state.start(dict.fromkeys([out / 'a.jpg', out / 'b.jpg', out / 'c.jpg'], ''))\n"
        "(out / 'a.jpg').write_bytes(b'output'); state.finish(out / 'a.jpg', Entry.of(source, 's', 6, {}))\n"
        "(out / 'b.jpg').write_bytes(b'output')\n"
        "with atomic_path(out / 'c.jpg') as part:\n"
        "    part.write_bytes(b'half')\n"
        '    state._lines.write(b\'{"output": "c.j\')\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert list(tmp_path.glob(f"{PART_PREFIX}*"))
    state = FolderState(tmp_path)
    assert state.standing(tmp_path / "a.jpg").is_current(source, "s")
    assert state.standing(tmp_path / "b.jpg").is_ours
    assert not state.standing(tmp_path / "c.jpg").is_ours  # what takes its name later is somebody else's
    assert not list(tmp_path.glob(f"{PART_PREFIX}*.part*"))
    state.close()
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["lock", "record.jsonl"]


def test_the_record_can_be_read_without_opening_it(tmp_path: Path, source: Version) -> None:
    out = tmp_path / "out"
    assert read_record(out) == {}
    assert not out.exists()
    with contextlib.closing(FolderState(out)) as earlier:
        write(earlier, out / "a.jpg", source)
    running = FolderState(out)
    write(running, out / "b.jpg", source)
    before = sorted(path.name for path in (out / FOLDER).iterdir())
    assert {name: entry.is_done for name, entry in read_record(out).items()} == {"a.jpg": True, "b.jpg": True}
    assert sorted(path.name for path in (out / FOLDER).iterdir()) == before
    running.close()


def test_the_usual_backend_is_that_of_most_outputs_of_the_model() -> None:
    makers = ["openvino:aa", "onnxruntime:aa", "openvino:aa", *["onnxruntime:bb"] * 9, None]
    record = {
        str(number): Entry(3, facts={} if maker is None else {"made_by": maker})
        for number, maker in enumerate(makers)
    }
    assert usual_backend(record, "aa55") == "openvino"
    assert usual_backend(record, "bb55") == "onnxruntime"
    assert usual_backend(record, "cc55") == ""
    assert (
        usual_backend({"a": Entry(facts={"made_by": "damaged"}), "b": Entry(facts={"made_by": 3})}, "aa")
        == ""
    )


def test_two_runs_share_a_folder(tmp_path: Path, source: Version) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from colorize_gan.infer.batch.folder_state import FolderState\n"
        "from colorize_gan.infer.batch.state import Entry\n"
        "from colorize_gan.infer.batch.input_state import Version\n"
        "out = Path(sys.argv[1]); source = Version.of(out / 'in.jpg'); state = FolderState(out)\n"
        "state.start({out / 'theirs.jpg': ''}); (out / 'theirs.jpg').write_bytes(b'output')\n"
        "state.finish(out / 'theirs.jpg', Entry.of(source, 's', 6, {}))\n"
        "print('working', flush=True); sys.stdin.readline(); state.close()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "working\n"
    state = FolderState(tmp_path)
    # done by a run that is still at work
    assert state.standing(tmp_path / "theirs.jpg").is_current(source, "s")
    write(state, tmp_path / "ours.jpg", source)
    state.close()
    other.communicate("\n")
    state = FolderState(tmp_path)
    assert state.standing(tmp_path / "ours.jpg").is_current(source, "s")
    assert state.standing(tmp_path / "theirs.jpg").is_current(source, "s")
    state.close()


def test_output_belongs_to_its_input_whatever_became_of_the_last_attempt(
    tmp_path: Path, source: Version
) -> None:
    target, own, other = tmp_path / "a.jpg", str(tmp_path / "in.jpg"), "/elsewhere/in.jpg"
    target.write_bytes(b"output")
    for attempt in ("done", "begun"):
        state = FolderState(tmp_path)
        state.start({target: own})
        if attempt == "done":
            state.finish(target, Entry.of(source, "s", 6, {}, own))
        state.close()
        state = FolderState(tmp_path)
        assert state.standing(target).other_input(other, Version(5)) == own
        assert not state.standing(target).other_input(own, Version(5))  # it has changed
        state.close()


def test_lines_of_another_version_count_as_begun() -> None:
    lines = b'{"output": "a.jpg", "size": 3, "of": "tomorrow"}\n{"output": "b.jpg", "si'
    assert read_lines(lines) == {"a.jpg": Entry()}


def test_names_of_any_bytes(tmp_path: Path, source: Version) -> None:
    target = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff \n\xf0\x9f\x98\x80.jpg"))
    state = FolderState(tmp_path)
    write(state, target, source)
    state.close()
    state = FolderState(tmp_path)
    assert state.standing(target).is_current(source, "s")
    state.close()


def test_two_records_of_one_folder_in_one_process(tmp_path: Path, source: Version) -> None:
    first, second = FolderState(tmp_path), FolderState(tmp_path)
    write(first, tmp_path / "a.jpg", source)
    write(second, tmp_path / "b.jpg", source)
    first.close()
    second.close()
    state = FolderState(tmp_path)
    assert state.standing(tmp_path / "a.jpg").is_current(source, "s")
    assert state.standing(tmp_path / "b.jpg").is_current(source, "s")
    state.close()
