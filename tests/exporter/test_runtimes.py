"""One exported file on the oldest and the newest ONNX Runtime that pip installs here."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorize_gan.infer.backends.open import open_backend

SCRIPT = """
import json, sys
import numpy, onnxruntime
for name, path, inputs in json.loads(sys.argv[1]):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    output = session.run(None, {session.get_inputs()[0].name: numpy.load(inputs)})[0]
    numpy.save(inputs + ".out.npy", output)
print(onnxruntime.__version__)
"""


@pytest.mark.parametrize("requirements", [["onnxruntime==1.15.*", "numpy<2"], ["onnxruntime"]])
def test_files_load_and_give_the_same_colors(
    exported: dict[str, Path], pixels_file: Path, photo: np.ndarray, tmp_path: Path, requirements: list[str]
) -> None:
    if sys.version_info >= (3, 12) and "numpy<2" in requirements:
        pytest.skip("the oldest ONNX Runtime has no wheel for this Python")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
    lightness = np.ascontiguousarray(photo[:160, :224, 0], np.float32)[None, None] / 2.55
    jobs = []
    for name, path, inputs in (
        ("lab", exported["onnx"], lightness),
        ("pixels", pixels_file, photo[None, :151, :233]),
    ):
        np.save(tmp_path / f"{name}.npy", inputs)
        jobs.append((name, str(path), str(tmp_path / f"{name}.npy")))
    command = [python, "-c", SCRIPT, json.dumps(jobs)]
    version = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert version.startswith("1.15.") == ("numpy<2" in requirements)
    found = {name: np.load(f"{inputs}.out.npy") for name, _, inputs in jobs}
    assert np.abs(found["lab"] - open_backend(exported["onnx"], "native").run(lightness)).max() < 1e-2
    expected = open_backend(pixels_file, "native").run(photo[None, :151, :233])
    assert np.abs(found["pixels"].astype(int) - expected).max() <= 1
