import errno
import os
from pathlib import Path
from typing import Any

import pytest

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.batch.inputs import find_work, read_path_list
from colorize_gan.infer.batch.work import Selection, WorkItem


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name in [
        "b.jpg",
        "a.PNG",
        "sub/a.jpg",
        "sub/deep/c.tif",
        "note.txt",
        ".hidden.jpg",
        "._a.jpg",
        ".git/x.png",
    ]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def targets(root: Path, **selection: object) -> list[str]:
    items, bad, *_ = find_work([root], root.parent / "out", Selection(**selection))  # type: ignore[arg-type]
    assert not bad
    return [item.target.relative_to(root.parent / "out").as_posix() for item in items]


def test_tree_is_mirrored_in_order_without_hidden_files(tree: Path) -> None:
    assert targets(tree) == ["a.PNG", "b.jpg", "sub/a.jpg", "sub/deep/c.tif"]


def test_selection(tree: Path) -> None:
    assert targets(tree, recursive=False) == ["a.PNG", "b.jpg"]
    assert targets(tree, include=["*.jpg"]) == ["b.jpg", "sub/a.jpg"]
    assert targets(tree, exclude=["sub/*"]) == ["a.PNG", "b.jpg"]
    assert targets(tree, include=["a.*"], suffix=".png") == ["a.png", "sub/a.png"]


def test_each_bad_input_has_its_reason_and_the_rest_goes_on(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    inputs = [tmp_path / "gone", tmp_path / "empty", tree / "note.txt", tree / "b.jpg"]
    items, bad, *_ = find_work(inputs, tmp_path / "out", Selection())
    assert [item.source.name for item in items] == ["b.jpg"]
    assert [(entry.source.name, entry.reason.split(" (")[0]) for entry in bad] == [
        ("gone", "no such file or folder"),
        ("empty", "no images in this folder"),
        ("note.txt", "not an image type that can be colorized"),
    ]


@pytest.mark.parametrize("out", [".", "sub/colored"])
def test_output_inside_input_is_refused(tree: Path, out: str) -> None:
    items, bad, *_ = find_work([tree], tree / out, Selection())
    assert not items
    assert "is inside it" in bad[0].reason


def test_input_is_never_its_own_output(tree: Path) -> None:
    items, bad, *_ = find_work([tree / "b.jpg"], tree, Selection())
    assert not items
    assert "overwritten by its own output" in bad[0].reason


def test_two_images_for_one_target_are_refused_before_any_work(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.jpg").touch()
    with pytest.raises(UsageError, match=r"b\.jpg and .*b\.jpg would both be written"):
        find_work([tree, tmp_path / "more"], tmp_path / "out", Selection())


def test_targets_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    for name in ("a.JPG", "a.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).touch()
    with pytest.raises(UsageError, match="would both be written"):
        find_work([tmp_path / "photos"], tmp_path / "out", Selection())


def test_links_in_a_circle_end(tree: Path) -> None:
    (tree / "sub" / "loop").symlink_to(tree)
    assert len(targets(tree)) == 4


def test_a_file_named_twice_is_done_once(tree: Path, tmp_path: Path) -> None:
    items, bad, *_ = find_work([tree / "b.jpg", tree, tree / "b.jpg"], tmp_path / "out", Selection())
    assert not bad
    assert [item.source.name for item in items] == ["b.jpg", "a.PNG", "a.jpg", "c.tif"]


def test_what_is_no_regular_file_is_not_opened(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "pipe.jpg")
    items, bad, *_ = find_work([tree], tmp_path / "out", Selection())
    assert len(items) == 4
    assert [(entry.source.name, entry.reason) for entry in bad] == [
        ("pipe.jpg", "not a regular file, or not to be reached")
    ]


def test_globs_ignore_case_and_say_when_nothing_matches(tree: Path, tmp_path: Path) -> None:
    assert targets(tree, include=["*.png"]) == ["a.PNG"]
    _, bad, *_ = find_work([tree], tmp_path / "out", Selection(include=["*.xyz"]))
    assert bad[0].reason == "no matching images in this folder"


def test_folders_that_links_lead_to_are_searched_and_circles_end(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "x.jpg").touch()
    (tree / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tree)
    (tmp_path / "elsewhere" / "deep" / "self").symlink_to(tmp_path / "elsewhere")
    assert "link/x.jpg" in targets(tree)
    assert len(targets(tree)) == 5


def test_targets_that_differ_in_composition_only_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("\u00e9.jpg", "e\u0301.jpg"):
        (tmp_path / "photos" / name).touch()
    with pytest.raises(UsageError, match="would both be written"):
        find_work([tmp_path / "photos"], tmp_path / "out", Selection())


def test_files_that_are_no_images_are_counted(tree: Path, tmp_path: Path) -> None:
    (tree / "Thumbs.db").touch()
    (tree / "sub" / "film.MP4").touch()
    _, bad, others, _ = find_work([tree], tmp_path / "out", Selection())
    assert not bad
    assert others == {".txt": 1, ".mp4": 1}


def test_thumbnails_of_a_gallery_are_no_inputs(tree: Path) -> None:
    (tree / "index_files").mkdir()
    (tree / "index_files" / ".colorize-gallery").touch()
    (tree / "index_files" / "000.jpg").touch()
    assert len(targets(tree)) == 4


def test_glob_mirrors_what_is_below_its_fixed_part(tree: Path, tmp_path: Path) -> None:
    def found(pattern: str) -> list[str]:
        items, *_ = find_work([Path(pattern)], tmp_path / "out", Selection())
        return [item.target.relative_to(tmp_path / "out").as_posix() for item in items]

    (tree / "circle").symlink_to(tree)
    (tree / "sub" / "circle").symlink_to(tree)
    assert found(f"{tree}/*.jpg") == ["b.jpg"]
    assert found(f"{tree}/**/*.jpg") == ["b.jpg", "sub/a.jpg"]
    assert found(f"{tree}/**") == ["a.PNG", "b.jpg", "sub/a.jpg", "sub/deep/c.tif"]  # each folder once
    (tree / "circle").unlink()
    (tree / "sub" / "circle").unlink()
    assert found(f"{tmp_path}/ph*") == [
        "photos/a.PNG",
        "photos/b.jpg",
        "photos/sub/a.jpg",
        "photos/sub/deep/c.tif",
    ]


def test_list_of_files_is_mirrored_below_their_common_folder(tree: Path, tmp_path: Path) -> None:
    lines = f"{tree}/b.jpg\n{tree}/sub/a.jpg\n\n".encode()
    items, *_ = find_work([read_path_list(lines)], tmp_path / "out", Selection())
    assert [item.target for item in items] == [tmp_path / "out" / "b.jpg", tmp_path / "out" / "sub" / "a.jpg"]
    assert read_path_list(b"a\nb.jpg\0c.jpg\0") == [Path("a\nb.jpg"), Path("c.jpg")]


def test_list_with_paths_that_go_up_stays_below_out(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree / "sub")
    items, *_ = find_work([read_path_list(b"a.jpg\n../b.jpg\n")], tmp_path / "out", Selection())
    assert [item.target for item in items] == [tmp_path / "out" / "sub" / "a.jpg", tmp_path / "out" / "b.jpg"]


def test_list_goes_where_the_system_goes(tmp_path: Path) -> None:
    """What is above a link is above the folder that it leads to."""
    (tmp_path / "real" / "x").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    for folder in ("real", "here"):
        (tmp_path / folder / "p.jpg").touch()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "real" / "x")
    listed = read_path_list(os.fsencode(tmp_path / "here" / "link" / ".." / "p.jpg"))
    [item] = find_work([listed], tmp_path / "out", Selection()).items
    assert item.source.samefile(tmp_path / "real" / "p.jpg")


def test_folders_that_a_glob_cannot_search_are_named(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tree / "secret"
    scandir = os.scandir

    def refuse(path: Any = ".") -> Any:
        if Path(path) == secret:
            raise PermissionError(errno.EACCES, "Permission denied", str(secret))
        return scandir(path)

    secret.mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    for pattern, bad in (
        ("**/*.jpg", [(secret, "cannot be searched (Permission denied)")]),
        ("s[u]b/**/*.jpg", []),
        ("n*/**/*.jpg", [(tree / "n*/**/*.jpg", "nothing matches it")]),
    ):
        work = find_work([tree / pattern], tmp_path / "out", Selection())
        assert [(entry.source, entry.reason) for entry in work.bad] == bad


def test_what_cannot_be_reached_is_one_bad_input(tree: Path, tmp_path: Path) -> None:
    (tree / "self").symlink_to(tree / "self")
    (tree / "gone.jpg").symlink_to(tree / "nowhere.jpg")
    items, bad, *_ = find_work([tree, Path("x" * 5000)], tmp_path / "out", Selection())
    assert len(items) == 4
    assert [entry.reason.split(",")[0] for entry in bad] == ["not a regular file", "no such file or folder"]


def test_folders_that_link_to_each_other_are_searched_once(tmp_path: Path) -> None:
    folders = [tmp_path / "photos" / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "a.jpg").touch()
    for folder in folders:
        for other in folders:
            (folder / f"to{other.name}").symlink_to(other)
    assert len(targets(tmp_path / "photos")) == 12


def test_glob_leaves_the_outputs_out(tree: Path) -> None:
    (tree / "out").mkdir()
    (tree / "out" / "b.jpg").touch()
    items, *_ = find_work([tree / "**" / "*.jpg"], tree / "out", Selection())
    assert [item.source.relative_to(tree).as_posix() for item in items] == ["b.jpg", "sub/a.jpg"]
    items, bad, *_ = find_work([tree / "**" / "*"], tree / "sub" / "out", Selection())
    assert [item.source.relative_to(tree).as_posix() for item in items] == [
        *("a.PNG", "b.jpg", "out/b.jpg", "sub/a.jpg", "sub/deep/c.tif")
    ]
    assert [entry.source for entry in bad] == [tree / "sub"]  # the output folder is inside it


def test_an_output_that_is_an_input_is_refused(tree: Path) -> None:
    (tree / "b.png").touch()
    with pytest.raises(UsageError, match=r"b\.png is itself an input"):
        find_work([tree / "b.jpg", tree / "b.png"], tree, Selection(suffix=".png"))


def test_a_list_may_begin_with_the_mark_of_utf8_and_not_with_that_of_another(tmp_path: Path) -> None:
    assert read_path_list(b"\xef\xbb\xbfa.jpg\r\nb.jpg\r\n") == [Path("a.jpg"), Path("b.jpg")]
    assert read_path_list(b"\xef\xbb\xbfa.jpg\0b.jpg\0") == [Path("a.jpg"), Path("b.jpg")]
    for encoding in ("utf-16", "utf-32"):
        with pytest.raises(UsageError, match="UTF-16"):
            read_path_list("a.jpg\n".encode(encoding))


@pytest.mark.parametrize("as_a_list", [False, True])
def test_texts_are_paths_too(tmp_path: Path, as_a_list: bool) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    folder, out = str(tmp_path / "photos"), str(tmp_path / "out")
    work = find_work([folder] if as_a_list else folder, out, Selection())
    assert work.items == [WorkItem(tmp_path / "photos" / "a.jpg", tmp_path / "out" / "a.jpg")]
    assert find_work(tmp_path / "photos", out, Selection()) == work
    listed = find_work([[f"{folder}/a.jpg"]], out, Selection())
    assert listed.items == work.items
    assert WorkItem(f"{folder}/a.jpg", f"{out}/a.jpg") == work.items[0]
