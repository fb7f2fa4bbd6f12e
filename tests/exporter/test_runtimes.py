"""Exported files on the oldest ONNX Runtime that pip installs here; the other tests use the newest."""

import json
import os
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


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the oldest ONNX Runtime has no wheel for it")
def test_files_load_and_give_the_same_colors(
    exported: dict[str, Path], pixels_file: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"  # found before those that are installed
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages]
    subprocess.run([*install, "onnxruntime==1.15.*", "numpy<2"], check=True)
    lightness = np.ascontiguousarray(photo[:160, :224, 0], np.float32)[None, None] / 2.55
    jobs = []
    for name, path, inputs in (
        ("lab", exported["onnx"], lightness),
        ("pixels", pixels_file, photo[None, :151, :233]),
    ):
        np.save(tmp_path / f"{name}.npy", inputs)
        jobs.append((name, str(path), str(tmp_path / f"{name}.npy")))
    command = [sys.executable, "-c", SCRIPT, json.dumps(jobs)]
    environment = os.environ | {"PYTHONPATH": str(packages)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("1.15.")
    found = {name: np.load(f"{inputs}.out.npy") for name, _, inputs in jobs}
    assert np.abs(found["lab"] - open_backend(exported["onnx"], "native").run(lightness)).max() < 1e-2
    expected = open_backend(pixels_file, "native").run(photo[None, :151, :233])
    assert np.abs(found["pixels"].astype(int) - expected).max() <= 1
