import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from colorize_gan.cli import doctor
from colorize_gan.cli.doctor import colorize_doctor, runtimes
from colorize_gan.infer.backends import choice
from colorize_gan.infer.backends import open as open_
from colorize_gan.infer.backends.bundled import find_model
from colorize_gan.infer.backends.trial import Trial


def plant(folder: Path, name: str, version: str) -> None:
    """Write what pip leaves of a wheel."""
    information = folder / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_two_wheels_of_onnxruntime_are_found(tmp_path: Path) -> None:
    plant(tmp_path / "a", "onnxruntime", "1.32.0")
    plant(tmp_path / "a", "numpy", "2.4.6")
    alone = runtimes([str(tmp_path / "a")])
    assert (alone.text, alone.advice) == ("onnxruntime 1.32.0", "")
    plant(tmp_path / "b", "onnxruntime_gpu", "1.31.1")
    both = runtimes([str(tmp_path / "a"), str(tmp_path / "b")])
    assert both.text == "onnxruntime 1.32.0, onnxruntime-gpu 1.31.1"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in both.advice
    assert str(both).startswith("!! onnxruntime wheels: ")


def test_no_wheel_of_onnxruntime(tmp_path: Path) -> None:
    assert runtimes([str(tmp_path)]).advice == "pip install colorize-gan again"


def test_all_is_well_here() -> None:
    result = CliRunner().invoke(colorize_doctor, ["--backend", "onnxruntime", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "ok runs: on onnxruntime, cpu, fp16-weights (--backend onnxruntime, --device cpu)" in result.stdout
    assert "ok colours: CIEDE2000 p99 0.0" in result.stdout


def test_candidates_of_auto_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Trial("onnxruntime", "fp16-weights", open_seconds=0.2, picture_seconds=0.08)
    fast = Trial("openvino", "bf16", open_seconds=1.2, picture_seconds=0.02, p99=0.5)
    monkeypatch.setattr(choice.os, "cpu_count", lambda: 2)
    for other, of_own, of_other in (
        (
            fast,
            "taken for fewer than 37 pictures",
            ", CIEDE2000 p99 0.50 to onnxruntime; taken from 37 pictures on",
        ),
        (replace(fast, picture_seconds=0.09), "taken for any number", "p99 0.50 to onnxruntime; not taken"),
        (
            replace(fast, fault="colours differ"),
            "taken for any number",
            "is left out: colours differ; not taken",
        ),
    ):
        monkeypatch.setattr(open_, "trials_of", lambda _, other=other: [own, other])
        lines = [str(finding) for finding in doctor._candidates(find_model("lite2"))]
        assert lines[0] == f"ok auto: onnxruntime: (fp16-weights) 0.080 s a picture, 0.20 s to open; {of_own}"
        assert lines[1].startswith("ok auto: openvino: ")
        assert lines[1].endswith(of_other)
    monkeypatch.setattr(open_, "trials_of", lambda _: [own])
    assert str([*doctor._candidates(find_model("lite2"))][1]) == (
        "ok auto: openvino: not installed; pip install 'colorize-gan[openvino]'"
    )


def test_doctor_with_auto_tries_what_is_installed() -> None:
    result = CliRunner().invoke(colorize_doctor, ["--device", "cpu"])
    assert result.exit_code == 0, result.output
    for name in ("onnxruntime", "openvino"):
        line = next(each for each in result.stdout.splitlines() if each.startswith(f"ok auto: {name}: "))
        assert re.search(r"\d s a picture, \d+\.\d\d s to open|is left out: ", line)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--device", "cuda"], 4, "!! asked for: --device cuda: "),
        (["--device", "gpu"], 2, "!! asked for: --device gpu: "),
        (["--model", "nosuch"], 5, "!! asked for: --model nosuch: "),
    ],
)
def test_what_was_asked_for_decides_about_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.setattr("colorize_gan.infer.backends.onnxruntime_backend.has_nvidia_driver", lambda: False)
    result = CliRunner().invoke(colorize_doctor, arguments)
    assert result.exit_code == code
    assert says in result.stdout
    assert "ok onnxruntime wheels" in result.stdout  # it goes on after what does not work


def test_missing_cuda_libraries_are_named_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_cuda_libraries", lambda: ["libcublas.so.13", "libcudnn.so.9"])
    monkeypatch.setattr(doctor, "_loads", lambda name: "cublas" in name)
    for driver, advice in ((True, "pip install 'colorize-gan[cuda]'"), (False, "")):
        monkeypatch.setattr(doctor, "has_nvidia_driver", lambda driver=driver: driver)
        finding = list(doctor.cuda())[-1]
        assert finding.text == "of libcublas.so.13, libcudnn.so.9: missing libcudnn.so.9"
        assert finding.advice.startswith(advice)
        assert bool(finding.advice) == driver
