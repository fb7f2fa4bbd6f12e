import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorize_gan.core.errors import VerificationError
from colorize_gan.infer import Colorizer
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.color_gate import check_colors
from colorize_gan.infer.backends.open import open_backend
from colorize_gan.infer.backends.openvino_backend import OpenVinoBackend
from colorize_gan.infer.backends.protocol import Backend

MODEL = find_model("lite2")


class Shifted:
    """ONNX Runtime, in the place of another backend, with a shift of all colours."""

    name, device, why = "openvino", "cpu", ""

    def __init__(self, shift: float, precision: str = "bf16") -> None:
        self._real = open_backend(MODEL, "native", "cpu")
        self.contract, self.precision = self._real.contract, precision
        self.sha256 = self._real.sha256
        self._shift = np.float32(shift)
        self.runs = 0

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.runs += 1
        return self._real.run(inputs) + self._shift


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def bf16(monkeypatch: pytest.MonkeyPatch, shift: float = 0.0) -> None:
    """Make this CPU one with bfloat16, whose colours are shifted."""
    real = OpenVinoBackend.run
    monkeypatch.setattr(OpenVinoBackend, "_precision", lambda _: "bf16")
    monkeypatch.setattr(OpenVinoBackend, "run", lambda own, inputs: real(own, inputs) + np.float32(shift))


def test_colors_are_measured_once() -> None:
    first, again = Shifted(0.1), Shifted(0.1)
    record = check_colors(first, MODEL)
    assert first.runs == record["probes"] == 4
    assert 0 < record["p99"] < 1
    assert check_colors(again, MODEL) == record
    assert again.runs == 0


def test_colors_of_another_precision_are_measured_again() -> None:
    check_colors(Shifted(0.01, "bf16"), MODEL)
    other = Shifted(0.01, "fp32")
    check_colors(other, MODEL)
    assert other.runs == 4


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"p99": "no", "mean": 0.0, "worst": ""}', "\0"])
def test_damaged_memory_is_measured_again(cache: Path, content: str) -> None:
    check_colors(Shifted(0.1), MODEL)
    [remembered] = cache.rglob("*.json")
    remembered.write_text(content)
    backend = Shifted(0.1)
    assert check_colors(backend, MODEL)["p99"] > 0
    assert backend.runs == 4


def test_cache_that_cannot_be_written_is_done_without(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "file"))
    assert check_colors(Shifted(0.1), MODEL)["p99"] > 0


def test_other_colors_are_refused_with_figures_each_time() -> None:
    for runs in (4, 0):  # the second time, by what is remembered
        backend = Shifted(3)
        with pytest.raises(VerificationError, match=r"lite2\.onnx in bf16: colours differ: CIEDE2000 p99 \d"):
            check_colors(backend, MODEL)
        assert backend.runs == runs


def test_auto_takes_onnxruntime_where_colors_differ(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bf16(monkeypatch, shift=3)
    with caplog.at_level(logging.INFO, "colorize_gan"):
        assert open_backend(MODEL, device="cpu").name == "onnxruntime"
    assert "auto takes onnxruntime" in caplog.text
    assert "openvino is left out: colours differ: CIEDE2000 p99" in caplog.text


def test_auto_leaves_a_backend_that_it_chose_before_and_that_fails_now(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bf16(monkeypatch, shift=3)
    with caplog.at_level(logging.INFO, "colorize_gan"):
        opened = open_backend(MODEL, device="cpu", begun_with="openvino")
    assert opened.name == "onnxruntime"
    assert opened.why.startswith("openvino is left out: ")
    assert "auto takes onnxruntime: openvino is left out: " in caplog.text


def test_openvino_that_is_asked_for_passes_the_gate_or_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bf16(monkeypatch, shift=3)
    with pytest.raises(VerificationError, match="use `backend` onnxruntime"):
        open_backend(MODEL, "openvino")
    assert open_backend(MODEL, "openvino", gate=False).name == "openvino"


def test_cuda_comes_before_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cuda = Shifted(0)
    on_cuda.device = "cuda:0"

    def load(_: Path, name: str, device: str, threads: int) -> Backend:
        assert (name, device) == ("onnxruntime", "auto")
        return on_cuda

    monkeypatch.setattr("colorize_gan.infer.backends.open.has_nvidia_driver", lambda: True)
    monkeypatch.setattr("colorize_gan.infer.backends.open._load", load)
    assert open_backend(MODEL, begun_with="openvino") is on_cuda
    assert on_cuda.why == "CUDA works here"


def test_auto_without_openvino_imports_nothing_of_it() -> None:
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'openvino' else real(name, *a)\n"
        "from colorize_gan.infer import Colorizer\n"
        "used = Colorizer(device='cpu').backend.name\n"
        "print(used, 'openvino' in sys.modules, 'colorize_gan.infer.backends.trial' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "onnxruntime False False"


def test_outputs_of_another_backend_are_not_up_to_date() -> None:
    on_onnxruntime = Colorizer(backend="onnxruntime", device="cpu")
    on_openvino = Colorizer(backend="openvino")
    assert on_onnxruntime.settings != on_openvino.settings
    assert on_onnxruntime.backend.sha256 == on_openvino.backend.sha256
