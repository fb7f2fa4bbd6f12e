"""WebDataset shards in and out."""

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from s3_server import Bucket, run, tree_of

from colorize_gan.core.images import limits

pytest.importorskip("moto.server", reason="pip install 'moto[s3]' flask flask-cors")
iterators = pytest.importorskip("webdataset.tariterators", reason="pip install webdataset")

MODEL = Path("lite2")


@pytest.fixture
def samples(photo: np.ndarray) -> dict[str, bytes]:
    """Members of a shard: three samples, one of a photograph and a mask."""
    encoded = [
        cv2.imencode(".jpg", photo[number : number + 64, number : number + 80])[1].tobytes()
        for number in range(3)
    ]
    mask = cv2.imencode(".png", np.zeros((64, 80), np.uint8))[1].tobytes()
    return {
        "a/0001.jpg": encoded[0],
        "a/0001.cls": b"3",
        "a/0001.json": json.dumps({"place": "Paris"}).encode(),
        "a/0002.JPG": encoded[1],
        "a/0002.seg.png": mask,
        "./b.jpg": encoded[2],
        "b.txt": b"a caption",
    }


def shard(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for number, (name, content) in enumerate(members.items()):
            head = tarfile.TarInfo(name)
            head.size, head.mtime, head.uname = len(content), 1_700_000_000 + number, "somebody"
            archive.addfile(head, io.BytesIO(content))
    return path


def with_size(shard: bytes, size: bytes) -> bytes:
    """Give the first member of a shard another size."""
    head = bytearray(shard[:512])
    head[124:136], head[148:156] = size, b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + shard[512:]


def members_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {head.name: archive.extractfile(head).read() for head in archive}


def test_photographs_are_coloured_and_everything_else_is_kept(
    samples: dict[str, bytes], tmp_path: Path
) -> None:
    source, out = shard(tmp_path / "in" / "000.tar", samples), tmp_path / "out"
    report = tmp_path / "run.json"
    command = (tmp_path / "in", "--out", out, "--shards", "--exclude", "*.seg.*", "--report", report)
    done = run(MODEL, *command)
    assert done.exit_code == 0, done.output
    colored = members_of(out / "000.tar")
    assert list(colored) == list(samples)
    changed = {name for name in samples if colored[name] != samples[name]}
    assert changed == {"a/0001.jpg", "a/0002.JPG", "./b.jpg"}
    with tarfile.open(source) as before, tarfile.open(out / "000.tar") as after:
        for old, new in zip(before, after, strict=True):
            assert (old.mtime, old.uname, old.mode) == (new.mtime, new.uname, new.mode)
    items = json.loads(report.read_text())["items"]
    assert [item["input"] for item in items] == [
        str(source / name) for name in ("a/0001.jpg", "a/0002.JPG", "b.jpg")
    ]
    assert {item["status"] for item in items} == {"written"}
    assert "0 written, 1 skipped, 0 failed" in run(MODEL, *command).output
    other = run(MODEL, *command, "--saturation", "1.3")
    assert "3 written, 0 skipped, 0 failed" in other.output


def test_photographs_in_shards_become_what_files_become(samples: dict[str, bytes], tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", samples)
    with tarfile.open(tmp_path / "0.tar") as archive:
        archive.extractall(tmp_path / "files", filter="data")
    same = ("--backend", "onnxruntime")  # auto chooses by the number of photographs, which shards do not tell
    assert run(MODEL, tmp_path / "files", "--out", tmp_path / "colored", *same).exit_code == 0
    assert run(MODEL, tmp_path / "0.tar", "--out", tmp_path / "out", "--shards", *same).exit_code == 0
    with tarfile.open(tmp_path / "out" / "0.tar") as archive:
        archive.extractall(tmp_path / "again", filter="data")
    assert tree_of(tmp_path / "colored").items() <= tree_of(tmp_path / "again").items()


def test_webdataset_reads_them(
    samples: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        shard(Path(f"{number:02}.tar"), samples)
    done = run(MODEL, "{00..01}.tar", "--out", "out", "--shards", "--format", "png")
    assert done.exit_code == 0, done.output
    with Path("out/01.tar").open("rb") as file:
        opened = iterators.tar_file_expander([{"url": "01.tar", "stream": file}])
        found = list(iterators.group_by_keys(opened))
    assert [sample["__key__"] for sample in found] == ["a/0001", "a/0002", "./b", "b"]
    assert list(found[0])[-3:] == ["png", "cls", "json"]
    assert cv2.imdecode(np.frombuffer(found[0]["png"], np.uint8), cv2.IMREAD_UNCHANGED).shape == (64, 80, 3)


def test_a_damaged_photograph_is_left_out_with_its_sample_and_tried_again(
    samples: dict[str, bytes], tmp_path: Path
) -> None:
    out, good = tmp_path / "out", samples["a/0001.jpg"]
    samples["a/0001.jpg"] = b"\xff\xd8no"
    source = shard(tmp_path / "0.tar", samples)
    for _ in range(2):
        done = run(MODEL, source, "--out", out, "--shards")
        assert done.exit_code == 3
        assert "3 written, 0 skipped, 1 failed" in done.output
        assert f"{source / 'a/0001.jpg'}: failed: cannot be decoded" in done.output
        assert list(members_of(out / "0.tar")) == list(samples)[3:]
    samples["a/0001.jpg"] = good
    shard(source, samples)
    assert run(MODEL, source, "--out", out, "--shards").exit_code == 0
    assert list(members_of(out / "0.tar")) == list(samples)


def test_what_is_no_whole_tar_file_fails_and_the_rest_goes_on(
    samples: dict[str, bytes], tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    content = shard(folder / "whole.tar", samples).read_bytes()
    second = content.index(b"a/0002.JPG")
    for name, damaged in (
        ("cut.tar", content[: second + 1000]),
        ("hole.tar", content[:second] + b"?" * 512 + content[second + 512 :]),
        ("text.tar", b"no"),
        ("empty.tar", b""),
    ):
        (folder / name).write_bytes(damaged)
    shard(folder / "no-photographs.tar", {"a.txt": b"x"})
    (folder / "large.tar").write_bytes(with_size(content, b"\x80" + b"\xff" * 11))
    (folder / "negative.tar").write_bytes(with_size(content, b"\xff" * 11 + b"\x80"))
    done = run(MODEL, folder, "--out", out, "--shards")
    assert done.exit_code == 3
    assert "4 written, 0 skipped, 7 failed" in done.output, done.output
    assert list(tree_of(out)) == ["whole.tar"]
    assert "hole.tar: failed: damaged: no member begins at byte" in done.output
    assert done.output.count("not an uncompressed tar file, or damaged (") == 4
    assert "large.tar: failed: not an uncompressed tar file, or damaged (" in done.output
    assert "no-photographs.tar: failed: no images are in it" in done.output


def test_shards_are_read_from_and_written_to_object_storage(
    bucket: Bucket, samples: dict[str, bytes], tmp_path: Path
) -> None:
    source = shard(tmp_path / "0.tar", samples)
    bucket.put("in/x/00.tar", source.read_bytes())
    bucket.put("in/x/01.tar", source.read_bytes()[:2000])
    command = (bucket.url("in/x/{00..01}.tar"), "--out", bucket.url("out"), "--shards")
    done = run(MODEL, *command)
    assert done.exit_code == 3, done.output
    assert "4 written, 0 skipped, 1 failed" in done.output
    assert run(MODEL, source, "--out", tmp_path / "out", "--shards").exit_code == 0
    assert list(bucket.tree("out").values()) == list(tree_of(tmp_path / "out").values())
    assert "0 written, 1 skipped, 1 failed" in run(MODEL, *command).output


def test_a_photograph_of_too_many_bytes_is_not_read(
    samples: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_BESIDE_PIXELS", 20_000)
    large = samples | {"a/0002.JPG": bytes(30_000)}
    done = run(
        MODEL,
        shard(tmp_path / "0.tar", large),
        *("--out", tmp_path / "out", "--shards", "--max-megapixels", "0.001"),
    )
    assert "a/0002.JPG: failed: a file of 0 MB: more than an image of 0.001 megapixels needs" in done.output


def test_a_stopped_run_leaves_no_part_of_a_shard(samples: dict[str, bytes], tmp_path: Path) -> None:
    samples["a/0001.jpg"] = b"no"
    for number in range(9):
        shard(tmp_path / "in" / f"{number}.tar", samples)
    done = run(MODEL, tmp_path / "in", "--out", tmp_path / "out", "--shards", "--fail-fast")
    assert done.exit_code == 3
    written = tree_of(tmp_path / "out")  # 0.tar, and what another thread had finished by then
    assert "0.tar" in written
    assert len(written) < 9
    assert all(len(members_of(tmp_path / "out" / name)) == 4 for name in written)
    assert f"{3 * len(written)} written, 0 skipped, {len(written)} failed" in done.output


def test_what_has_no_meaning_for_shards_is_refused(tmp_path: Path) -> None:
    for option in (["--videos"], ["--gallery", tmp_path / "x.html"], ["--on-exists", "rename"]):
        done = run(MODEL, tmp_path, "--out", tmp_path / "out", "--shards", *option)
        assert done.exit_code == 2
        assert "--shards" in done.output


def test_a_range_that_is_turned_around_is_refused(tmp_path: Path) -> None:
    done = run(MODEL, tmp_path / "x-{003..000}.tar", "--out", tmp_path / "out", "--shards")
    assert done.exit_code == 2
    assert "{003..000} begins behind its end" in done.output


def test_a_sample_is_skipped_with_its_photograph_in_colour(photo: np.ndarray, tmp_path: Path) -> None:
    color, grey = photo[..., ::-1], cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    samples = {
        name: cv2.imencode(".png", image)[1].tobytes()
        for name, image in (("1.gt.png", color), ("1.in.png", grey), ("2.png", grey))
    }
    command = (
        shard(tmp_path / "0.tar", samples),
        "--out",
        tmp_path / "out",
        "--shards",
        "--in-color",
        "skip",
    )
    report = tmp_path / "run.json"
    done = run(MODEL, *command, "--report", report)
    assert (done.exit_code, "1 written, 2 skipped, 0 failed" in done.output) == (0, True), done.output
    assert [(item["reason"], bool(item["output"])) for item in json.loads(report.read_text())["items"]] == [
        ("already in colour", False),
        ("left out with 1.gt.png", False),
        ("", True),
    ]
    assert "0 written, 1 skipped, 0 failed" in run(MODEL, *command).output
