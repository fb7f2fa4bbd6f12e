"""The artefacts of a run: results.json, and RESULTS.md, plots and report.html that are made from it."""

import base64
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorize_gan.benchmarks.machine import sentence
from colorize_gan.benchmarks.section import SECTIONS, section
from colorize_gan.core.errors import UsageError
from colorize_gan.core.files.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = "results.json"

_PICTURE = re.compile(r'src="([^":]+\.(png|jpg))"')
_COLORS = 64  # of a plot's palette: flat areas and antialiased text need no more
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c1b; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .7rem; vertical-align: top; }
img { max-width: 100%; height: auto; }
"""


def read_results(path: Path) -> dict[str, Any]:
    """Read results by section.

    Raises:
        UsageError: there are none in it.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        usable = all("machine" in results[name] and "quick" in results[name] for name in results)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read as results of colorize-bench ({error})") from error
    if not usable or not results:
        raise UsageError(f"{path}: holds no results of colorize-bench")
    return {name: results[name] for name in SECTIONS if name in results}


def write_results(new: Mapping[str, Any], out: Path) -> None:
    """Put sections into the results in ``out``, in the place of older ones, and make all else from them."""
    path = out / RESULTS
    results = (read_results(path) if path.exists() else {}) | dict(new)
    results = {name: results[name] for name in SECTIONS if name in results}
    with atomic_path(path) as part:
        part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for name, result in new.items():
        for picture, figure in section(name).plots(result).items():
            (out / picture).write_bytes(_png(figure))
    text = markdown(results)
    (out / "RESULTS.md").write_text(text, encoding="utf-8")
    (out / "report.html").write_text(_page(text, out), encoding="utf-8")


def markdown(results: Mapping[str, Any]) -> str:
    """Return all results as Markdown; a plot is a file beside it."""
    parts = [_part(name, result) for name, result in results.items()]
    return "\n\n".join(["# Results", "Made by `colorize-bench` from `results.json`.", *parts]) + "\n"


def _part(name: str, result: dict[str, Any]) -> str:
    subject = section(name)
    pictures = [f"![{subject.TITLE}]({picture})" for picture in subject.PICTURES]
    return "\n\n".join(
        [
            f"## {subject.TITLE}",
            f"{result['made_by']}. {sentence(result['machine'])}.",
            subject.markdown(result),
            *pictures,
        ]
    )


def _png(figure: "Figure") -> bytes:
    """Return a figure as a small PNG, with a palette."""
    from PIL import Image

    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=90)
    Image.open(drawn).convert("RGB").quantize(_COLORS).save(packed, format="PNG", optimize=True)
    return packed.getvalue()


def _page(text: str, out: Path) -> str:
    """Return Markdown as one HTML page with its pictures inside."""
    from markdown import markdown as to_html

    body = _PICTURE.sub(
        lambda match: f'src="{_data_uri(out / match[1], match[2])}"', to_html(text, extensions=["tables"])
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>colorize-bench</title>'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n'
    )


def _data_uri(picture: Path, suffix: str) -> str:
    kind = "jpeg" if suffix == "jpg" else suffix
    return f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"
