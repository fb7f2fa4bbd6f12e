"""How good the colours are, and how true the lightness of written files is."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from colorize_gan.benchmarks.photos import Case, write_photographs
from colorize_gan.benchmarks.section import Settings
from colorize_gan.benchmarks.timing import digits, table, workers
from colorize_gan.core.color.lab import grey_to_lightness, rgb_to_lab
from colorize_gan.core.color.metrics import colorfulness
from colorize_gan.core.color.tones import tone_of
from colorize_gan.core.errors import DataError
from colorize_gan.core.images.decode import read_image
from colorize_gan.infer import Colorizer, colorize_folder
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.batch.work import Selection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Quality"
PICTURES = ("contact-sheet.jpg",)

_METRICS = ("psnr", "psnr_gain", "ssim", "ciede2000", "cf", "delta_cf")
_SHEET_PHOTOS, _SHEET_SIDE = 7, 150
_LOSSY, _LOSSLESS = ".jpg", ".png"


def run(settings: Settings) -> dict[str, Any]:
    """See `Section.run`."""
    contract = open_backend(settings.model, "native", "cpu").contract
    size = (640, 480) if settings.quick else (1200, 900)
    scans = write_photographs(Case("scans", *size, _LOSSLESS, 7), settings.photos, settings.scratch / "scans")
    with workers(["evaluation"]) as processes:
        measured = processes["evaluation"].call(measure, settings)
    return {
        "model": contract.name,
        "file_mb": digits(settings.model.stat().st_size / 1e6),
        "record": contract.quality,
        "parity": contract.parity,
        "measured": measured,
        "written": [lightness(settings, scans, suffix) for suffix in (_LOSSY, _LOSSLESS)],
    }


def measure(settings: Settings) -> dict[str, Any]:
    """Evaluate the model, as `colorize-eval` does, on those photographs that are in colour.

    Writes the contact sheet: columns of grey, the model's colours, and the true ones.

    Raises:
        DataError: none is in colour.
    """
    from colorize_gan.trainer.deep_metrics import DeepMetrics
    from colorize_gan.trainer.evaluate import evaluate, preview
    from colorize_gan.trainer.photos import find_photos

    photos = [photo for photo in find_photos(settings.photos) if tone_of(photo.read()) == "color"]
    if not photos:
        raise DataError(f"{settings.photos}: no photographs in colour, of which quality could be measured")
    backend = open_backend(settings.model, "native", "cpu")
    side = backend.contract.render_size
    rows = [preview([backend.run], [photo], side) for photo in photos[:_SHEET_PHOTOS]]
    sheet = np.hstack([np.vstack(np.hsplit(row, 3)) for row in rows])
    scale = _SHEET_SIDE / side
    small = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(settings.out / PICTURES[0]), small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    return evaluate(backend.run, photos, side, DeepMetrics() if len(photos) > 1 else None)


def lightness(settings: Settings, scans: Path, suffix: str) -> dict[str, Any]:
    """Colorize scans to one format; return errors of CIE L* in the files, and mean colourfulness."""
    errors, vividness = [], []
    colorizer = Colorizer(settings.model)
    out = settings.scratch / suffix[1:]
    for result in colorize_folder([scans], out, colorizer, selection=Selection(suffix=suffix)):
        assert result.target is not None, result.reason
        rgb = read_image(result.target)
        errors.append(np.abs(rgb_to_lab(rgb)[0] - grey_to_lightness(read_image(result.source))).ravel())
        vividness.append(colorfulness(rgb))
    everything = np.concatenate(errors)
    return {
        "format": suffix[1:].upper().replace("JPG", "JPEG"),
        "photographs": len(errors),
        "error_mean": digits(float(everything.mean())),
        "error_p99_9": digits(float(np.percentile(everything, 99.9))),
        "colorfulness": digits(statistics.mean(vividness)),
    }


def markdown(result: dict[str, Any]) -> str:
    """See `Section.markdown`."""
    record, measured = result["record"], result["measured"]
    names = [name for name in (*_METRICS, "lpips", "fid") if name in record or name in measured]
    rows = [
        [what, *(_figure(found.get(name)) for name in names), _figure(found.get("truth_cf"))]
        for what, found in (("the record in the file", record), ("measured in this run", measured))
    ]
    written = [
        [row["format"], row["photographs"], row["error_mean"], row["error_p99_9"], row["colorfulness"]]
        for row in result["written"]
    ]
    return "\n\n".join(
        [
            f"Model `{result['model']}`, {result['file_mb']} MB.",
            table(["", *names, "cf of the truth"], rows),
            f"Record: {record.get('protocol', 'none')}. This run: {measured['protocol']}.",
            "Errors of L\\* in files that `colorize-batch` wrote:",
            table(["format", "photographs", "mean", "99.9th percentile", "colourfulness"], written),
            "Columns: grey, the model's colours, the true ones.",
        ]
    )


def _figure(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"


def plots(result: dict[str, Any]) -> dict[str, "Figure"]:
    """Draw nothing: the contact sheet says more."""
    return {}


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """See `Section.ratios`."""
    found = result["measured"]
    return {
        "CIEDE2000 of grey, in multiples of the model's": digits(
            found["grey_ciede2000"] / found["ciede2000"]
        ),
        "colourfulness as a part of the truth's": digits(found["cf"] / found["truth_cf"]),
    }
