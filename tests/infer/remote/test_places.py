"""Files, objects and members of shards do the same, each in its way."""

import pickle
from pathlib import Path

import pytest

from colorize_gan.infer.batch.disk import Disk, FilePlace
from colorize_gan.infer.batch.input_state import Version
from colorize_gan.infer.batch.inputs import find_work
from colorize_gan.infer.batch.places import Location, Place, free_places
from colorize_gan.infer.batch.state import Entry, Standing
from colorize_gan.infer.batch.work import Selection
from colorize_gan.infer.remote.places import ANYWHERE, Anywhere, ObjectPlace
from colorize_gan.infer.remote.shards import MemberPlace

pytest.importorskip("upath", reason="pip install 'colorize-gan[cloud]'")


@pytest.fixture(params=["files", "objects"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name = f"memory://{tmp_path.name}" if request.param == "objects" else str(tmp_path)
    return ANYWHERE.path_of(f"{name}/out")


@pytest.fixture
def place(out: Path) -> Place:
    return ANYWHERE.place(out / "a.jpg")


def test_a_text_may_be_an_url(tmp_path: Path) -> None:
    from upath import UPath

    [item] = find_work("memory://nowhere/a.jpg", "memory://out", Selection(), ANYWHERE).bad
    assert str(item.source) == str(UPath("memory://nowhere/a.jpg"))


def test_what_is_written_is_read(place: Place) -> None:
    member = MemberPlace(place.path)
    locations: list[Location] = [place, member]
    for location in locations:
        assert not location.exists()
        location.write(b"content")
        assert location.exists()
        assert location.read(1) == b"content"
        assert location.path == place.path
        assert next(free_places(location)).path.name == "a-1.jpg"


def test_a_file_becomes_what_is_there(place: Place) -> None:
    with place.to_write() as part:
        part.write_bytes(b"content")
        assert not place.exists()
    assert place.version().size == 7
    with place.to_read() as path:
        assert path.read_bytes() == b"content"


def test_a_file_that_is_not_finished_becomes_nothing(place: Place) -> None:
    def write_half() -> None:
        with place.to_write() as part:
            part.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_half()
    assert not place.exists()


def test_what_is_there_is_not_replaced_unasked(place: Place) -> None:
    place.write(b"content")
    refusal = "object storage cannot keep what is there" if place.url else "File exists"
    with pytest.raises(OSError, match=refusal):
        place.write(b"other", replace=False)
    assert place.read(1) == b"content"


def test_names(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder" / "b.jpg").symlink_to("a.jpg")
    file = FilePlace(tmp_path / "link" / "b.jpg")
    assert file.full_name == str(tmp_path.resolve() / "folder" / "b.jpg")
    assert file.real_name == str(tmp_path.resolve() / "folder" / "a.jpg")
    assert file.url == ""
    url = "memory://x/b.jpg"
    stored = ANYWHERE.place(ANYWHERE.path_of(url))
    assert isinstance(stored, ObjectPlace)
    assert stored.full_name == stored.real_name == stored.url == str(stored.path)


def test_a_relative_path_begins_in_the_folder_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in another process, which is where a cluster's workers are."""
    (tmp_path / "elsewhere").mkdir()
    place = Anywhere(Disk(tmp_path)).place(Path("sub/a.jpg"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    sent: Place = pickle.loads(pickle.dumps(place))
    sent.write(b"content")
    assert (tmp_path / "sub" / "a.jpg").read_bytes() == sent.with_stem("a").read(1) == b"content"
    assert (sent.path, sent.exists(), sent.version().size) == (Path("sub/a.jpg"), True, 7)
    assert sent.full_name == sent.real_name == str(tmp_path.resolve() / "sub" / "a.jpg")
    with sent.to_read() as path:
        assert path.read_bytes() == b"content"


def test_the_states_of_a_folder_and_a_bucket_answer_alike(out: Path, place: Place) -> None:
    source, begun = Version(3, 7), out / "begun.jpg"
    state = ANYWHERE.open_state(out)
    assert state.standing(place.path) == Standing(False)
    state.start({place.path: "/in/a.jpg", begun: "/in/b.jpg", out / "never.jpg": "/in/c.jpg"})
    place.write(b"output")
    ANYWHERE.place(begun).write(b"output")
    ANYWHERE.place(out / "own.jpg").write(b"output")
    state.finish(place.path, Entry.of(source, "s", 6, {"note": "pale"}, "/in/a.jpg"))
    state.close()
    state = ANYWHERE.open_state(out)
    made = state.standing(place.path)
    assert made == Standing(True, Entry.of(source, "s", 6, {}), 6)
    assert (made.is_ours, made.is_current(source, "s"), made.facts) == (True, True, {"note": "pale"})
    assert not made.is_current(source, "t")
    assert not made.is_current(Version(3, 8), "s")
    assert made.other_input("/in/x.jpg", Version(4)) == "/in/a.jpg"
    assert made.other_input("/in/x.jpg", source) == made.other_input("/in/a.jpg", Version(4)) == ""
    assert state.standing(begun) == Standing(True, Entry(), 6)
    assert state.standing(out / "never.jpg") == Standing(False)
    assert not state.standing(out / "own.jpg").is_ours
    state.close()
