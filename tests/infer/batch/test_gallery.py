import json
import os
import re
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import cv2
import numpy as np
import pytest

from colorize_gan.core.errors import UsageError
from colorize_gan.infer.batch.gallery import THUMBNAIL_SIDE, Gallery, GalleryEntry, thumbnail

GREY = thumbnail(np.full((40, 60), 128, np.uint8))
RED = thumbnail(np.full((40, 60, 3), (200, 40, 40), np.uint8))
AWKWARD_NAMES = [
    "two words.jpg",
    "a#b?c=d&e.jpg",
    "100%20%.jpg",
    "c:d.jpg",
    "\N{CAMERA} é.jpg",
    "line\nbreak.jpg",
    "'\"><script>alert(1)<.jpg",
    "back\\slash.jpg",
    os.fsdecode(b"latin1-\xe9.jpg"),
]


def entry(source: str, **fields: Any) -> GalleryEntry:
    written = {
        "target": None,
        "status": "written",
        "reason": "",
        "note": "",
        "before": GREY,
        "after": RED,
    }
    return GalleryEntry(source, **(written | fields))


def failed(source: str, reason: str) -> GalleryEntry:
    return entry(source, status="failed", reason=reason, before=b"", after=b"")


def make(path: Path, entries: list[GalleryEntry], title: str = "Album", embed: bool = True) -> Path:
    with Gallery(path, title, embed) as gallery:
        for item in entries:
            gallery.add(item)
    return path


def rows(page: Path) -> list[dict[str, Any]]:
    """The entries as a browser finds them: in the script element, up to its first end tag."""
    found = re.search(r'<script id="entries"[^>]*>(.*?)</script', page.read_text("utf-8"), re.DOTALL | re.I)
    assert found
    return json.loads(found[1])


def local_file(page: Path, url: str) -> Path:
    """The file that a browser opens for a link of the page."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(urljoin(page.absolute().as_uri(), url)).path)))


def decoded(thumb: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(thumb, np.uint8), cv2.IMREAD_COLOR_RGB)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((600, 960), (300, 480)),
        ((960, 600, 3), (480, 300)),
        ((700, 1400, 4), (240, 480)),
        ((1, 5000), (1, 480)),
        ((20, 30, 3), (20, 30)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_keep_the_shape_and_are_never_larger(
    shape: tuple[int, ...], expected: tuple[int, int], dtype: type
) -> None:
    pixels = np.full(shape, np.iinfo(dtype).max // 2, dtype)
    if len(shape) == 3 and shape[2] == 4:
        pixels[..., 3] = np.iinfo(dtype).max
    small = decoded(thumbnail(pixels))
    assert small.shape[:2] == expected
    assert max(small.shape) <= THUMBNAIL_SIDE
    assert np.abs(small.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparency_is_shown_over_white(dtype: type) -> None:
    white = np.iinfo(dtype).max
    rgba = np.zeros((32, 96, 4), dtype)
    rgba[..., 0] = white
    rgba[:, 32:64, 3] = white // 2
    rgba[:, 64:, 3] = white
    small = decoded(thumbnail(rgba))
    for column, expected in ((12, (255, 255, 255)), (48, (255, 128, 128)), (84, (255, 0, 0))):
        assert small[16, column].tolist() == pytest.approx(expected, abs=6)


def test_colours_of_thumbnails_are_not_swapped(photo: np.ndarray) -> None:
    small = cv2.resize(photo, (480, 320), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded(thumbnail(photo)).astype(int) - small).mean() < 4


def test_entries_stay_in_order_with_all_their_fields(tmp_path: Path) -> None:
    entries = [
        entry("b/2.jpg", note="hardly any colour"),
        failed("a/1.jpg", "the file is empty"),
        entry("c.jpg", status="skipped", reason="out/c.jpg exists", before=b"", after=b""),
    ]
    found = rows(make(tmp_path / "page.html", entries))
    keys = ("source", "name", "status", "reason", "note")
    assert [tuple(row[key] for key in keys) for row in found] == [
        ("b/2.jpg", "2.jpg", "written", "", "hardly any colour"),
        ("a/1.jpg", "1.jpg", "failed", "the file is empty", ""),
        ("c.jpg", "c.jpg", "skipped", "out/c.jpg exists", ""),
    ]
    assert [bool(row["before"] and row["after"]) for row in found] == [True, False, False]


def test_a_page_without_entries_is_complete(tmp_path: Path) -> None:
    assert rows(make(tmp_path / "page.html", [])) == []


def test_no_text_becomes_markup(tmp_path: Path) -> None:
    class Scripts(HTMLParser):
        count = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.count += tag == "script"

    def scripts(page: Path) -> int:
        parser = Scripts()
        parser.feed(page.read_text("utf-8"))
        return parser.count

    evil = '"><script>alert(1)</script><!-- <script> {{entries}} {{title}} &amp;'
    hostile = entry(evil, target=evil, note=evil, reason=evil)
    page = make(tmp_path / "evil.html", [hostile, hostile], title=evil)
    assert scripts(page) == scripts(make(tmp_path / "empty.html", []))
    assert [row["source"] for row in rows(page)] == [evil, evil]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (os.fsdecode(b"caf\xe9.jpg"), "caf\ufffd.jpg"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("line\nbreak\0", "line␊break␀"),
    ],
)
def test_signs_stand_for_what_cannot_be_shown(tmp_path: Path, text: str, shown: str) -> None:
    page = make(tmp_path / "page.html", [entry(text, reason=text, note=text)], title=text)
    [row] = rows(page)
    assert [row[key] for key in ("source", "reason", "note")] == [shown] * 3
    assert f"<h1>{shown}</h1>" in page.read_text("utf-8")


@pytest.mark.parametrize("name", AWKWARD_NAMES)
@pytest.mark.parametrize("folder", ["", "sub #1", "../besides"])
def test_links_lead_to_the_files(tmp_path: Path, folder: str, name: str) -> None:
    target = tmp_path / "pages" / folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("here")
    page = make(tmp_path / "pages" / "index.html", [entry("a.jpg", target=str(target))])
    assert local_file(page, rows(page)[0]["link"]).read_text() == "here"


def test_links_lead_from_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = make(Path("pages/index.html"), [entry("a.jpg", target="colored/a.jpg")])
    assert rows(page)[0]["link"] == "../colored/a.jpg"


def test_links_to_another_drive_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_drive(path: str, start: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", other_drive)
    page = make(tmp_path / "index.html", [entry("a.jpg", target=str(tmp_path / "a b.jpg"))])
    assert rows(page)[0]["link"] == (tmp_path / "a b.jpg").as_uri()


def test_embedded_thumbnails_make_one_file(tmp_path: Path) -> None:
    page = make(tmp_path / "page.html", [entry("a.jpg")])
    assert rows(page)[0]["before"].startswith("data:image/jpeg;base64,")
    assert list(tmp_path.iterdir()) == [page]


def test_other_thumbnails_are_files_beside_the_page(tmp_path: Path) -> None:
    page = make(tmp_path / "my #1 page.html", [entry(f"{index}.jpg") for index in range(1001)], embed=False)
    found = rows(page)
    assert len({row[kind] for row in found for kind in ("before", "after")}) == 2002
    assert {local_file(page, row["before"]).read_bytes() for row in found} == {GREY}
    assert {local_file(page, row["after"]).read_bytes() for row in found} == {RED}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["my #1 page.html", "my #1 page_files"]


def test_nothing_is_there_before_the_page_is_complete(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for embed in (True, False):
        gallery = Gallery(page, "Album", embed)
        gallery.add(entry("a.jpg"))
        assert all(file.name.startswith(".") for file in tmp_path.iterdir())
        gallery.close()
        gallery.close()
        assert len(rows(page)) == 1
        page.unlink()


@pytest.mark.parametrize("embed", [True, False])
def test_an_aborted_page_leaves_the_older_one_as_it_was(tmp_path: Path, embed: bool) -> None:
    page = make(tmp_path / "page.html", [entry("old.jpg")], embed=False)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(KeyboardInterrupt), Gallery(page, "New", embed) as gallery:  # noqa: PT012
        gallery.add(entry("new.jpg"))
        raise KeyboardInterrupt
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(("embed", "files"), [(True, 0), (False, 2)])
def test_a_new_page_replaces_the_older_one_and_its_thumbnails(
    tmp_path: Path, embed: bool, files: int
) -> None:
    make(tmp_path / "page.html", [entry(f"{index}.jpg") for index in range(3)], embed=False)
    page = make(tmp_path / "page.html", [entry("new.jpg")], embed=embed)
    assert [row["source"] for row in rows(page)] == ["new.jpg"]
    assert len(list(tmp_path.rglob("*.jpg"))) == files


def test_a_folder_that_is_no_gallerys_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="page_files"):
        Gallery(tmp_path / "page.html", "Album", embed=False)
    make(tmp_path / "page.html", [entry("a.jpg")], embed=True)
    assert (tmp_path / "page_files" / "mine.txt").read_text() == "mine"


def test_what_appears_while_the_page_is_made_stays(tmp_path: Path) -> None:
    gallery = Gallery(tmp_path / "page.html", "Album", embed=False)
    (tmp_path / "page_files").mkdir()
    (tmp_path / "page_files" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="page_files"):
        gallery.close()
    assert (tmp_path / "page_files" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("embed", [True, False])
def test_memory_stays_flat(tmp_path: Path, embed: bool) -> None:
    rng = np.random.default_rng(0)
    large = thumbnail(rng.integers(0, 255, (300, 300, 3), np.uint8))
    with Gallery(tmp_path / "page.html", "Album", embed) as gallery:
        tracemalloc.start()
        for index in range(100):
            gallery.add(entry(f"{index}.jpg", before=large, after=large))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20 * len(large) < 200 * len(large)


class Tab:
    """A page in a browser, and what it complained about and asked for."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.page = browser.new_page(viewport={"width": 1000, "height": 800})
        self.complaints: list[str] = []
        self.schemes: set[str] = set()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("request", lambda request: self.schemes.add(urlsplit(request.url).scheme))
        self.page.goto(path.as_uri())

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name)

    def shown(self) -> list[str]:
        return self.page.locator("#photos h2").all_inner_texts()

    def red_share(self, pair: Any) -> float:
        """The share of a picture's width that shows the red after-image, as painted."""
        pixels = decoded(pair.screenshot()).astype(int)
        row = pixels[pixels.shape[0] // 8, 6:-6]  # above the knob, inside the focus ring
        return float((row[:, 0] - row[:, 1] > 80).mean())

    def brightness(self) -> float:
        return float(decoded(self.page.screenshot())[2, 2].mean())

    def close(self) -> None:
        self.page.close()
        assert self.complaints == []
        assert self.schemes <= {"file", "data"}


@pytest.mark.parametrize("embed", [True, False])
def test_in_a_browser_sliders_move_the_dividing_line(browser: Any, tmp_path: Path, embed: bool) -> None:
    tab = Tab(browser, make(tmp_path / "page #1.html", [entry("plain.jpg"), entry("b.jpg")], embed=embed))
    assert "a machine's guess" in tab.page.locator("header").inner_text()
    slider = tab.page.get_by_label("Original to colour: plain.jpg")
    pair = tab.page.locator(".pair").first
    assert tab.red_share(pair) == pytest.approx(0.5, abs=0.03)
    slider.focus()
    for key, red in (("ArrowRight", 0.49), ("Home", 1), ("End", 0), ("PageDown", 0.1)):
        slider.press(key)
        assert tab.red_share(pair) == pytest.approx(red, abs=0.03), key
    assert slider.get_attribute("aria-valuetext") == "10% in colour"
    box = pair.bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + 0.9 * box["width"], middle)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 0.25 * box["width"], middle, steps=5)
    tab.page.mouse.up()
    tab.page.mouse.move(0, 0)
    assert tab.red_share(pair) == pytest.approx(0.75, abs=0.03)
    assert tab.red_share(tab.page.locator(".pair").nth(1)) == pytest.approx(0.5, abs=0.03)
    tab.close()


def test_in_a_browser_filters_and_search_choose_cards(browser: Any, tmp_path: Path) -> None:
    entries = [
        entry("box 1/plain.jpg"),
        entry("box 1/gre\N{COMBINING DIAERESIS}y.jpg", note="hardly any colour"),
        failed("box 2/broken.jpg", "the file is empty"),
        entry("box 2/again.jpg", status="skipped", reason="exists"),
    ]
    tab = Tab(browser, make(tmp_path / "page.html", entries, "Harbour & <town>"))
    assert tab.page.get_by_role("heading", level=1).inner_text() == "Harbour & <town>"
    everything = tab.shown()
    for button, shown in (("To look at 1", 1), ("Failed 1", 2), ("Skipped 1", 3)):
        tab.button(button).click()
        assert tab.shown() == [everything[shown]]
        assert tab.page.locator("[aria-pressed=true]").count() == 1
    tab.button("Failed 1").click()
    assert "the file is empty" in tab.page.locator("#photos").inner_text()
    tab.button("All 4").click()
    assert tab.shown() == everything
    tab.page.get_by_role("searchbox").fill("GR\N{LATIN CAPITAL LETTER E WITH DIAERESIS}Y")
    tab.page.get_by_text("1 of 4 photographs").wait_for()
    assert tab.shown() == [everything[1]]
    tab.close()


def test_in_a_browser_dark_and_light_follow_the_system(browser: Any, tmp_path: Path) -> None:
    tab = Tab(browser, make(tmp_path / "page.html", [entry("a.jpg")]))
    tab.page.emulate_media(color_scheme="light")
    assert tab.brightness() > 200
    tab.page.emulate_media(color_scheme="dark")
    assert tab.brightness() < 60
    tab.page.set_viewport_size({"width": 320, "height": 600})
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 320
    tab.close()


def test_in_a_browser_the_large_view_goes_from_page_to_page(browser: Any, tmp_path: Path) -> None:
    entries = [entry(f"{index:03}.jpg") for index in range(119)]
    entries += [failed("119.jpg", "the file is empty"), entry("120.jpg", note="dark"), entry("121.jpg")]
    tab = Tab(browser, make(tmp_path / "page.html", entries, embed=False))
    assert len(tab.shown()) == 120
    assert tab.button("Previous page").is_disabled()
    tab.page.get_by_label("Original to colour: 118.jpg").press("Enter")
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label("Original to colour: 118.jpg").press("Home")
    assert tab.red_share(dialog.locator(".pair")) > 0.95
    dialog.get_by_role("button", name="Next").click()
    assert dialog.get_by_role("heading").inner_text() == "120.jpg"
    assert "dark" in dialog.inner_text()
    tab.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert tab.shown() == ["120.jpg", "121.jpg"]
    tab.page.wait_for_function("document.activeElement.ariaLabel == 'Enlarge 120.jpg'")
    page_number = tab.page.get_by_role("spinbutton")
    page_number.fill("1")
    page_number.press("Enter")
    assert tab.shown()[0] == "000.jpg"
    tab.button("Next page").click()
    assert tab.button("Next page").is_disabled()
    tab.close()


def test_in_a_browser_links_open_and_names_are_text(browser: Any, tmp_path: Path) -> None:
    for name in AWKWARD_NAMES:
        (tmp_path / name).write_bytes(RED)
    entries = [entry(name, target=str(tmp_path / name)) for name in AWKWARD_NAMES]
    tab = Tab(browser, make(tmp_path / "page.html", entries))
    links = tab.page.locator("#photos a")
    assert links.count() == len(AWKWARD_NAMES)
    for link in links.all():
        with tab.page.expect_popup() as popup:
            link.click()
        assert popup.value.locator("img").evaluate("image => image.naturalWidth") == 60
        popup.value.close()
    tab.close()
