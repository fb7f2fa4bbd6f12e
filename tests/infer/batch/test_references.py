"""A folder of references: each photograph gets the colours of its own."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.infer import BatchOptions, Colorizer, colorize_folder
from colorize_gan.infer.hints import Hint, HintFile, hints_content

NAMES = ("a.jpg", "b.png", "sub/c.jpg")

Run = Callable[..., Result]


@pytest.fixture
def photos(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three grey photographs in a tree."""
    root = tmp_path / "photos"
    (root / "sub").mkdir(parents=True)
    for name in NAMES:
        cv2.imwrite(str(root / name), photo[:96, :128, 1])
    return root


@pytest.fixture
def references(tmp_path: Path, photo: np.ndarray) -> Path:
    """A reference each for two of them."""
    root = tmp_path / "references"
    (root / "sub").mkdir(parents=True)
    cv2.imwrite(str(root / "a.png"), photo)
    cv2.imwrite(str(root / "sub" / "c.TIF"), photo[..., ::-1])
    return root


@pytest.fixture
def run(photos: Path, references: Path, tmp_path: Path, hinted: dict[str, Path]) -> Run:
    """Runs the command over both."""

    def run(*more: object, photos: Path = photos, out: str = "out", model: Path = hinted["onnx"]) -> Result:
        own = [photos, "--out", tmp_path / out, "--model", model, "--backend", "onnxruntime"]
        arguments = [*own, "--reference", references, *more]
        return CliRunner().invoke(colorize_batch, list(map(str, arguments)))

    return run


def failures(done: Result) -> list[str]:
    return [line for line in done.stderr.splitlines() if ": failed: " in line]


def test_each_photograph_has_its_own_reference(
    run: Run, photos: Path, references: Path, tmp_path: Path, hinted: dict[str, Path]
) -> None:
    report, gallery = tmp_path / "report.json", tmp_path / "gallery.html"
    done = run("--report", report, "--gallery", gallery)
    assert (done.exit_code, "3 written" in done.stderr) == (0, True), done.output
    items = {Path(item["input"]).name: item for item in json.loads(report.read_text())["items"]}
    own = {"a.jpg": references / "a.png", "b.png": None, "c.jpg": references / "sub" / "c.TIF"}
    assert {name: items[name].get("reference") for name in items} == {
        name: path and str(path) for name, path in own.items()
    }
    assert json.dumps(str(references / "a.png")) in gallery.read_text()
    colorizer = Colorizer(hinted["onnx"], backend="onnxruntime")
    for name, path in own.items():  # as if all had it
        [source] = photos.rglob(name)
        [result] = colorize_folder(source, tmp_path / name, colorizer, options=BatchOptions(reference=path))
        assert result.target
        assert result.target.read_bytes() == (tmp_path / "out" / source.relative_to(photos)).read_bytes()


def test_only_photographs_whose_reference_changed_are_done_again(
    run: Run, references: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    assert "3 written, 0 skipped" in run().stderr
    assert "0 written, 3 skipped" in run().stderr
    cv2.imwrite(str(references / "a.png"), photo[::-1])
    assert "1 written, 2 skipped" in run().stderr
    (references / "sub" / "c.TIF").unlink()
    assert "1 written, 2 skipped" in run().stderr
    cv2.imwrite(str(references / "b.webp"), photo)
    assert "1 written, 2 skipped" in run().stderr
    (references / "b.webp").rename(references / "b.WEBP")  # the same picture
    report = tmp_path / "report.json"
    assert "0 written, 3 skipped" in run("--report", report).stderr
    assert [item.get("reference") for item in json.loads(report.read_text())["items"]] == [
        str(references / "a.png"),
        str(references / "b.WEBP"),
        None,
    ]


def test_another_format_of_the_outputs_keeps_their_references(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert run("--format", "webp", "--report", report).exit_code == 0
    assert sum("reference" in item for item in json.loads(report.read_text())["items"]) == 2


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("grey", "a.png: it is grey; give a picture in right colours"),
        ("damaged", "a.png: cannot be decoded"),
        ("two", "a.png are both for it; keep one"),
        ("gone", "a.png: cannot be read (No such file or directory)"),
    ],
)
def test_a_reference_that_cannot_be_used_fails_its_photograph_alone(
    run: Run, references: Path, photo: np.ndarray, kind: str, says: str
) -> None:
    path = references / "a.png"
    if kind == "grey":
        cv2.imwrite(str(path), photo[..., 1])
    elif kind == "damaged":
        path.write_bytes(path.read_bytes()[:99])
    elif kind == "two":
        cv2.imwrite(str(references / "a.jpg"), photo)
    else:
        path.unlink()
        path.symlink_to(references / "nowhere.png")
    done = run()
    assert (done.exit_code, "2 written, 0 skipped, 1 failed" in done.stderr) == (3, True), done.output
    [line] = failures(done)
    assert "a.jpg: failed: --reference" in line
    assert says in line
    assert "1 failed" in run().stderr  # the next run says so, too


def test_references_of_no_photograph_are_named_once(run: Run, photos: Path, references: Path) -> None:
    (references / "a.png").rename(references / "z.png")
    (references / "notes.txt").write_text("about them")
    done = run()
    assert done.exit_code == 0, done.output
    named = [line for line in done.stderr.splitlines() if "a reference of no photograph" in line]
    assert named == [
        f"{references / 'z.png'}: skipped: a reference of no photograph: name it after an output, "
        "as in old.webp for old.jpg (case counts)"
    ]
    for part in (["-q"], ["--include", "*.png"], ["--limit", "1"]):
        assert "of no photograph" not in run(*part).stderr
    assert "of no photograph" not in run(photos=photos / "a.jpg").stderr


def test_what_a_folder_of_references_cannot_be_for_ends_the_run(
    run: Run, photos: Path, references: Path, tmp_path: Path, exported: dict[str, Path]
) -> None:
    cv2.imwrite(str(references / "z.png"), np.zeros((9, 9, 3), np.uint8))  # of no photograph
    own, empty = photos / "sub", tmp_path / "empty"
    empty.mkdir()
    for done, says in [
        (
            run(model=exported["onnx"]),
            "--reference: the model tiny takes no references; use --model dinov2-small",
        ),
        (run("--videos"), f"--reference {references}: a folder is for photographs, not for --videos"),
        (run("--shards"), f"--reference {references}: a folder is for photographs, not for --shards"),
        (
            run("--reference", own),
            f"--reference {own}: {own / 'c.jpg'} is an input; keep references elsewhere",
        ),
        (run("--reference", empty), f"--reference {empty}: there is no picture in this folder"),
        (run("--reference", ""), "the path is empty"),
        (run("--reference", tmp_path / "none"), "none: cannot be read (No such file or directory)"),
        (
            run(out="references"),
            f"--reference {references}: {references / 'a.jpg'} would be written there; use another --out",
        ),
    ]:
        assert done.exit_code == 2, done.output
        assert says in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("page", ["--report", "--gallery"])
def test_a_page_does_not_take_the_place_of_what_the_run_reads(
    run: Run, photos: Path, references: Path, tmp_path: Path, page: str
) -> None:
    sidecar = photos / "a.jpg.hints.json"
    sidecar.write_bytes(b"{}")
    hints = tmp_path / "hints"
    hints.mkdir()
    taken = [references / "a.png", references / "new.html", hints / "a.jpg.hints.json"]
    for options in (
        *(("--hints", hints, page, path) for path in taken),
        ("--reference", taken[0], page, taken[0]),
        (page, sidecar),
    ):
        before = {path: path.read_bytes() for path in (*photos.rglob("*.*"), *references.rglob("*.*"))}
        done = run(*options)
        assert (done.exit_code, ": the run reads " in done.stderr) == (2, True), done.output
        assert {path: path.read_bytes() for path in before} == before
        assert not (tmp_path / "out").exists()


def test_names_from_a_mac_are_those_of_the_photographs(
    run: Run, photos: Path, references: Path, tmp_path: Path
) -> None:
    """They have accents apart from their letters."""
    composed, apart = (unicodedata.normalize(form, "kühe") for form in ("NFC", "NFD"))
    (photos / "a.jpg").rename(photos / f"{composed}.jpg")
    (references / "a.png").rename(references / f"{apart}.png")
    (photos / f"{apart}.jpg.hints.json").write_bytes(hints_content(HintFile((Hint(0.5, 0.5, "red"),))))
    report = tmp_path / "report.json"
    assert "of no photograph" not in run("--report", report).stderr
    [item] = (each for each in json.loads(report.read_text())["items"] if composed in each["input"])
    assert (item["hints"], item["reference"]) == (1, str(references / f"{apart}.png"))


def test_the_limit_of_megapixels_is_that_of_references_too(run: Run, references: Path) -> None:
    done = run("--max-megapixels", "0.02")
    assert (done.exit_code, len(failures(done))) == (3, 2)
    assert f"--reference {references / 'a.png'}: " in failures(done)[0]
    assert "more than --max-megapixels 0.02" in failures(done)[0]


def test_a_picture_in_tones_of_one_colour_is_a_reference(
    run: Run, references: Path, photo: np.ndarray
) -> None:
    """As a red sky is; only the user can tell it from sepia."""
    grey = photo[..., 1].astype(float)
    cv2.imwrite(str(references / "a.png"), np.dstack([0.4 * grey, 0.6 * grey, grey]).astype(np.uint8))
    assert "3 written" in run().stderr


def test_a_reference_does_not_colour_what_is_left_in_colour(
    photos: Path, references: Path, photo: np.ndarray, tmp_path: Path, hinted: dict[str, Path]
) -> None:
    cv2.imwrite(str(photos / "b.png"), photo)
    cv2.imwrite(str(references / "b.png"), photo[::-1])
    options = BatchOptions(reference=references, in_color="copy")
    results = colorize_folder(photos, tmp_path / "out", Colorizer(hinted["onnx"]), options=options)
    [copied] = [result for result in results if result.source.name == "b.png"]
    assert (copied.note, copied.reference) == ("already in colour: copied", None)
    assert (tmp_path / "out" / "b.png").read_bytes() == (photos / "b.png").read_bytes()
