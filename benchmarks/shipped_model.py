"""What the README says of the shipped model, measured: `python benchmarks/shipped_model.py`.

Colorizes the example photographs with the default model, as `colorize-batch` does, and writes
`benchmarks/shipped_model.json`: the quality and parity records in the model file, the lightness error of the
written files, and the start-up time of `colorize-batch --help` against `import torch` (when it is installed).
"""

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from colorize_gan.color import grey_to_lightness, rgb_to_lab
from colorize_gan.images import read_image
from colorize_gan.infer import Colorizer, colorize_folder
from colorize_gan.infer.inputs import Selection
from colorize_gan.infer.models import DEFAULT_MODEL, find_model
from colorize_gan.metrics import colorfulness

ROOT = Path(__file__).parent.parent
HELP = "from colorize_gan.infer.cli import colorize_batch; colorize_batch(['--help'])"


def measure() -> dict[str, Any]:
    """Return all figures."""
    colorizer = Colorizer(DEFAULT_MODEL)
    contract = colorizer.contract
    return {
        "model": contract.name,
        "file_mb": round(find_model(DEFAULT_MODEL).stat().st_size / 1e6, 1),
        "quality": contract.quality,
        "parity": contract.parity,
        "examples": {suffix: examples(colorizer, suffix) for suffix in (".jpg", ".png")},
        "help_seconds": median_seconds(HELP),
        "import_torch_seconds": median_seconds("import torch") if importlib.util.find_spec("torch") else None,
    }


def examples(colorizer: Colorizer, suffix: str) -> dict[str, float]:
    """Colorize the example photographs to one format; return lightness errors and mean colourfulness."""
    errors, vividness = [], []
    with tempfile.TemporaryDirectory() as out:
        for result in colorize_folder(
            [ROOT / "examples" / "photos"], Path(out), colorizer, selection=Selection(suffix=suffix)
        ):
            assert result.target is not None, result.reason
            rgb = read_image(result.target)
            errors.append(np.abs(rgb_to_lab(rgb)[0] - grey_to_lightness(read_image(result.source))).ravel())
            vividness.append(colorfulness(rgb))
    everything = np.concatenate(errors)
    return {
        "photographs": len(errors),
        "lightness_error_mean": round(float(everything.mean()), 3),
        "lightness_error_p99_9": round(float(np.percentile(everything, 99.9)), 3),
        "colorfulness_mean": round(statistics.mean(vividness), 1),
    }


def median_seconds(code: str, rounds: int = 7) -> float:
    """Return the median wall time of a new interpreter that runs ``code``."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return round(statistics.median(times), 3)


if __name__ == "__main__":
    text = json.dumps(measure(), indent=2)
    (ROOT / "benchmarks" / "shipped_model.json").write_text(text + "\n")
    print(text)  # noqa: T201
