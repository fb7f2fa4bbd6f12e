"""The page in a real browser: its colours are those of colorize-batch, and it needs no network."""

import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from PIL import Image

from colorize_gan.cli.batch import colorize_batch
from colorize_gan.core.color.lab import rgb_to_lab
from colorize_gan.core.color.metrics import ciede2000
from colorize_gan.core.images.decode import read_image, read_rgb8
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.web.server import PageServer
from colorize_gan.infer.web.site import PAGE, Site

ROOT = Path(__file__).parents[3]
RUNTIME = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"
EXAMPLES = ROOT / "examples" / "photos"
PATIENCE = 300_000  # ms, after which a test hangs

pytestmark = pytest.mark.skipif(not (PAGE.is_dir() and RUNTIME.is_dir()), reason="run first: make web")


class Page:
    """The page in a browser tab, and what it complained about and asked for."""

    def __init__(self, browser: Any, url: str) -> None:
        self.context = browser.new_context(viewport={"width": 1000, "height": 800})
        self.tab = self.context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.tab.goto(url)
        self.tab.get_by_text("Ready.").wait_for(timeout=PATIENCE)

    def add(self, *files: Path) -> None:
        """Give files to the page and wait until it is done with them."""
        self.tab.locator("#files").set_input_files(files)
        self.tab.locator("#progress").wait_for(state="hidden", timeout=PATIENCE)

    def set(self, label: str, value: float) -> None:
        self.tab.get_by_label(label).fill(str(value))

    def download(self, button: str, folder: Path) -> Path:
        """Press a button that downloads a file."""
        with self.tab.expect_download(timeout=PATIENCE) as download:
            self.tab.get_by_role("button", name=button).click()
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def button(self, name: str) -> Any:
        return self.tab.get_by_role("button", name=name)

    def status(self) -> str:
        return self.tab.locator("#status").inner_text()

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []
        assert self.hosts <= {"localhost", None}  # None: blobs, of the page's own


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer(Site(find_model("lite2"), RUNTIME), 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def loaded(browser: Any, server: PageServer) -> Iterator[Page]:
    """The page with its model, for all tests: that takes a while."""
    page = Page(browser, server.url)
    yield page
    page.close()


@pytest.fixture(scope="module")
def correcting(browser: Any, hinted: dict[str, Path]) -> Iterator[Page]:
    """The page with a model that takes hints."""
    with PageServer(Site(hinted["onnx"], RUNTIME), 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        page = Page(browser, running.url)
        yield page
        page.close()
        running.shutdown()
        thread.join()


@pytest.fixture
def page(loaded: Page) -> Iterator[Page]:
    yield loaded
    if loaded.button("Remove all").is_visible():
        for label in ("Strength", "Saturation"):
            loaded.set(label, 1)
        loaded.button("Remove all").click()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photographs: two grey ones, one of them lying on its side, and one in colour."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(read_rgb8(EXAMPLES / "admiral.jpg")).save(folder / "admiral.png")
    lying = Image.fromarray(np.rot90(read_rgb8(EXAMPLES / "rocket.jpg")).copy())
    exif = lying.getexif()
    exif[274] = 6  # to be turned clockwise
    lying.save(folder / "rocket.png", exif=exif)
    large = cv2.resize(skimage.data.coffee(), (1500, 1001), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(large).save(folder / "coffee.png")
    return folder


def batch(photos: Path, out: Path, *options: str) -> Path:
    """What colorize-batch makes of photographs."""
    arguments = [str(photos), "--out", str(out), "--backend", "onnxruntime", *options]
    assert CliRunner().invoke(colorize_batch, arguments).exit_code == 0
    return out


def differences(first: Path, second: Path) -> np.ndarray:
    """CIEDE2000 of all pixels of two image files."""
    return ciede2000(*(np.dstack(rgb_to_lab(read_rgb8(path))) for path in (first, second)))


@pytest.mark.parametrize(("strength", "saturation"), [(1, 1), (0.5, 1.5)])
def test_colours_are_those_of_colorize_batch(
    page: Page, photos: Path, tmp_path: Path, strength: float, saturation: float
) -> None:
    page.add(*sorted(photos.iterdir()))
    page.set("Strength", strength)
    page.set("Saturation", saturation)
    assert page.status() == "3 photographs colorized."
    expected = batch(photos, tmp_path, "--strength", str(strength), "--saturation", str(saturation))
    for photo in sorted(photos.iterdir()):
        made = page.download(f"Download {photo.name} in colour", tmp_path / "made")
        assert np.percentile(differences(made, expected / photo.name), 99) <= 1, photo.name


def test_jpeg_stays_jpeg_and_as_exact_as_that_of_colorize_batch(page: Page, tmp_path: Path) -> None:
    photo = EXAMPLES / "astronaut.jpg"
    page.add(photo)
    made = page.download("Download astronaut.jpg in colour", tmp_path / "made")
    assert made.name == "astronaut.jpg"
    assert made.read_bytes()[:2] == b"\xff\xd8"
    exact = batch(photo, tmp_path / "exact", "--format", "png") / "astronaut.png"
    error = np.percentile(differences(made, exact), 99)
    usual = np.percentile(differences(batch(photo, tmp_path / "usual") / photo.name, exact), 99)
    assert error < usual + 0.25


def test_lightness_stays_and_transparency_too(page: Page, photos: Path, tmp_path: Path) -> None:
    rgba = np.dstack([read_rgb8(photos / "admiral.png"), np.full((600, 512), 255, np.uint8)])
    rgba[:300, :, 3] = 128
    Image.fromarray(rgba).save(tmp_path / "glass.png")
    page.add(tmp_path / "glass.png")
    made = read_image(page.download("Download glass.png in colour", tmp_path / "made"))
    assert (made[..., 3] == rgba[..., 3]).all()
    lightness = [rgb_to_lab(np.ascontiguousarray(image[300:, :, :3]))[0] for image in (rgba, made)]
    assert np.abs(lightness[0] - lightness[1]).max() < 1


def test_files_that_cannot_be_colorized_say_why_and_hold_up_none(page: Page, tmp_path: Path) -> None:
    photo = Image.fromarray(read_rgb8(EXAMPLES / "cat.jpg"))
    photo.resize((7, 90)).save(tmp_path / "tiny.png")
    photo.save(tmp_path / "scan.tif")
    photo.save(tmp_path / "moving.gif")
    for name in ("moving.png", "moving.webp"):
        photo.save(tmp_path / name, save_all=True, append_images=[photo.rotate(90)])
    cv2.imwrite(str(tmp_path / "scroll.png"), np.zeros((8, 70_000), np.uint8))
    (tmp_path / "broken.jpg").write_bytes((EXAMPLES / "cat.jpg").read_bytes()[:80])
    (tmp_path / "empty.jpg").touch()
    reasons = {
        "tiny.png": "7 x 90 pixels: too small",
        "scan.tif": "TIFF; colorize-batch can",
        "scroll.png": "70000 x 8 pixels: too large for this browser",
        "moving.gif": "not a photograph",
        "moving.png": "has several frames",
        "moving.webp": "has several frames",
        "broken.jpg": "not an image, or damaged",
        "empty.jpg": "the file is empty",
    }
    page.add(*(tmp_path / name for name in reasons), EXAMPLES / "cat.jpg")
    for name, reason in reasons.items():
        card = page.tab.get_by_role("listitem").filter(has_text=name)
        assert reason in card.inner_text()
        assert card.get_by_role("button", name="Download").is_disabled()
    assert page.status() == "1 photograph colorized, 8 could not be."
    assert page.button("Download cat.jpg in colour").is_enabled()


def test_sixteen_bits_are_said_to_become_eight(page: Page, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    cv2.imwrite(str(tmp_path / "deep.png"), ramp)
    page.add(tmp_path / "deep.png")
    assert "16 bits become 8" in page.tab.get_by_role("listitem").inner_text()


def test_all_are_saved_in_one_archive(page: Page, tmp_path: Path) -> None:
    cat = EXAMPLES / "cat.jpg"
    cv2.imwrite(str(tmp_path / "coins.bmp"), cv2.imread(str(cat)))
    named = {"name": "1000012345", "mimeType": "image/jpeg", "buffer": cat.read_bytes()}  # of a phone
    page.add(cat, cat, EXAMPLES / "coins.jpg", tmp_path / "coins.bmp")
    page.tab.locator("#files").set_input_files([named, named])
    page.tab.get_by_text("6 photographs colorized.").wait_for(timeout=PATIENCE)
    archive = page.download("Download all (zip)", tmp_path)
    page.tab.get_by_text("The archive is downloaded.").wait_for()
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == [
            *("cat.jpg", "cat-1.jpg", "coins.jpg", "coins.png"),
            *("1000012345", "1000012345-1"),
        ]
        assert opened.read("cat.jpg") == opened.read("cat-1.jpg")
        coins = cv2.imdecode(np.frombuffer(opened.read("coins.png"), np.uint8), cv2.IMREAD_COLOR)
        assert coins.shape == cv2.imread(str(cat)).shape


def test_a_setting_changes_what_is_shown(page: Page) -> None:
    def colorfulness() -> float:
        pixels = cv2.imdecode(np.frombuffer(pair.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(float)
        right = pixels[:, pixels.shape[1] * 6 // 10 : -8]
        return float((right.max(-1) - right.min(-1)).mean())

    page.add(EXAMPLES / "rocket.jpg")
    pair = page.tab.locator(".pair")
    page.tab.locator(".pair img + img[src]").wait_for()
    seen = {}
    for saturation in (1, 0, 3):
        if saturation != 1:
            before = page.tab.locator(".pair img + img").get_attribute("src")
            page.set("Saturation", saturation)
            page.tab.locator(f'.pair img + img:not([src="{before}"])').wait_for()
        page.tab.locator(".pair img + img").evaluate("image => image.decode()")
        seen[saturation] = colorfulness()
    assert seen[0] < 1 < seen[1] < seen[3]


def test_keys_suffice(page: Page) -> None:
    page.add(EXAMPLES / "cat.jpg", EXAMPLES / "coins.jpg")
    page.tab.locator("#files").focus()
    names = []
    for _ in range(7):
        page.tab.keyboard.press("Tab")
        names.append(
            page.tab.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        )
    assert names[2:] == [
        *("Download all (zip)", "Remove all", "Original to colour: cat.jpg"),
        *("Download cat.jpg in colour", "Remove cat.jpg"),
    ]
    slider = page.tab.get_by_label("Original to colour: cat.jpg")
    slider.press("Home")
    assert slider.get_attribute("aria-valuetext") == "100% in colour"
    page.button("Remove cat.jpg").press("Enter")
    assert page.tab.evaluate("document.activeElement.ariaLabel") == "Remove coins.jpg"
    page.button("Remove coins.jpg").press("Enter")
    assert page.tab.evaluate("document.activeElement.id") == "files"
    assert page.status() == "Ready."


def test_the_page_fits_narrow_screens_and_dark_systems(page: Page) -> None:
    page.add(EXAMPLES / "cat.jpg")
    try:
        page.tab.set_viewport_size({"width": 320, "height": 600})
        assert page.tab.evaluate("document.documentElement.scrollWidth") == 320
        for scheme, least, most in (("light", 200, 255), ("dark", 0, 60)):
            page.tab.emulate_media(color_scheme=scheme)
            pixels = cv2.imdecode(np.frombuffer(page.tab.screenshot(), np.uint8), cv2.IMREAD_COLOR)
            assert least <= pixels[2, 2].mean() <= most
    finally:
        page.tab.set_viewport_size({"width": 1000, "height": 800})
        page.tab.emulate_media(color_scheme="light")


def test_without_server_and_network_the_page_goes_on(browser: Any, tmp_path: Path) -> None:
    with PageServer(Site(find_model("lite2"), RUNTIME), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        page = Page(browser, server.url)
        server.shutdown()
        thread.join()
    page.context.set_offline(True)
    page.tab.reload()
    page.tab.get_by_text("Ready.").wait_for(timeout=PATIENCE)
    page.add(EXAMPLES / "cat.jpg")
    assert page.download("Download cat.jpg in colour", tmp_path).stat().st_size > 10_000
    # the failed tries to reach the server are the browser's own complaints
    page.complaints = [text for text in page.complaints if "net::ERR_" not in text]
    page.close()


def test_a_server_that_allows_no_threads_is_named(
    browser: Any, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorize_gan.infer.web.site.HEADERS", {})
    page = Page(browser, server.url)
    assert "the server of this page does not allow more" in page.tab.locator("#device").inner_text()
    page.add(EXAMPLES / "cat.jpg")
    assert page.status() == "1 photograph colorized."
    page.close()


def test_a_model_that_is_none_is_said(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x08\x12\x02ab")
    with PageServer(Site(tmp_path / "model.onnx", RUNTIME), 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        context = browser.new_context()
        tab = context.new_page()
        tab.goto(server.url)
        reason = tab.get_by_text(re.compile("could not be loaded: the model file has no contract"))
        reason.wait_for()
        tab.locator("#files").set_input_files(EXAMPLES / "cat.jpg")
        tab.get_by_text("Not colorized").wait_for()
        assert reason.is_visible()
        context.close()
        server.shutdown()
        thread.join()


def test_the_page_without_runtime_is_small() -> None:
    files = [file for file in PAGE.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 1_000_000
    assert not [file for file in files if file.suffix in (".wasm", ".onnx", ".map")]


def test_corrected_photograph_is_that_of_colorize_batch(
    correcting: Page, photos: Path, hinted: dict[str, Path], tmp_path: Path
) -> None:
    """From a click to the saved file of hints, and from that to the same colours in a folder run."""
    page, tab = correcting, correcting.tab
    photo = tmp_path / "photos" / "admiral.png"
    photo.parent.mkdir()
    photo.write_bytes((photos / "admiral.png").read_bytes())
    page.add(photo)
    plain = page.download("Download admiral.png in colour", tmp_path / "plain")
    page.button("Correct colours of admiral.png").click()
    box = tab.locator(".places").bounding_box()
    tab.locator(".places").click(position={"x": 0.3 * box["width"], "y": 0.4 * box["height"]})
    assert tab.locator(".swatch").first.get_attribute("aria-label").startswith("Colour #")
    tab.get_by_label("Other").fill("#c02020")
    page.button("Place 1").press("ArrowRight")
    tab.locator("li:not([aria-busy])").wait_for(timeout=PATIENCE)
    made = page.download("Download admiral.png in colour", tmp_path / "made")
    sidecar = page.download("Save hints", photo.parent)
    assert sidecar.name == "admiral.png.hints.json"
    [point] = json.loads(sidecar.read_text())["points"]
    assert point["color"] == "#c02020"
    assert (point["x"], point["y"]) == pytest.approx((0.31, 0.4), abs=0.005)
    expected = batch(photo.parent, tmp_path / "out", "--model", str(hinted["onnx"]))
    assert np.percentile(differences(made, expected / photo.name), 99) <= 1
    changed = differences(made, plain)
    row, column = (round(share * side) for share, side in zip((0.4, 0.31), changed.shape, strict=True))
    assert changed[row - 8 : row + 8, column - 8 : column + 8].mean() > changed.mean() > 0

    for _ in range(3):  # the place, its colour, where it was moved to
        page.button("Undo").click()
    tab.locator("li:not([aria-busy])").wait_for(timeout=PATIENCE)
    assert tab.locator(".place").count() == 0
    undone = page.download("Download admiral.png in colour", tmp_path / "undone")
    assert np.array_equal(read_rgb8(undone), read_rgb8(plain))

    page.tab.locator("#files").set_input_files([sidecar])
    tab.get_by_role("button", name="Place 1").wait_for(timeout=PATIENCE)
    tab.locator("li:not([aria-busy])").wait_for(timeout=PATIENCE)
    loaded = page.download("Download admiral.png in colour", tmp_path / "loaded")
    assert np.array_equal(read_rgb8(loaded), read_rgb8(made))


def test_page_without_hints_offers_none(page: Page, photos: Path) -> None:
    page.add(photos / "admiral.png")
    assert not page.tab.locator(".correct").is_visible()
