"""The `colorize-doctor` command: what is installed, what works here, and what to do about the rest."""

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import io
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from colorize_gan.cli.exit_codes import exit_with_code
from colorize_gan.cli.wording import Wording
from colorize_gan.core.errors import ColorizeError
from colorize_gan.core.extras import EXTRAS
from colorize_gan.core.system.devices import has_nvidia_driver
from colorize_gan.core.text import printable
from colorize_gan.core.version import __version__
from colorize_gan.infer.backends.bundled import BACKENDS, BACKENDS_BY_SUFFIX, DEFAULT_MODEL, find_model

_FAMILY = ("onnxruntime", "ort-")  # how the wheels begin that install into the folder onnxruntime
_LIBRARIES = ("numpy", "opencv-python-headless", "pyvips", "simplejpeg", "isal", "av", "openvino", "torch")
_CUDNN = 9  # major version, of onnxruntime from 1.19 on
_CUFFT_BEHIND_CUDA = 1  # cuFFT's major version: 11 in CUDA 12, 12 in CUDA 13


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    text: str
    advice: str = ""
    """The remedy; empty where nothing is wrong."""
    error: ColorizeError | None = None
    """Why something does not work that was asked for."""

    def __str__(self) -> str:
        """Return it as lines for a terminal."""
        mark = "!!" if self.advice or self.error else "ok"
        advice = f"\n   -> {self.advice}" if self.advice else ""
        return f"{mark} {self.subject}: {printable(self.text)}{advice}"


@click.command()
@click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    help="Model to check: the name of a bundled one, or a file.",
)
@click.option(
    "--device", default="auto", show_default=True, help="Device that must work: auto, cpu, cuda or cuda:N."
)
@click.option(
    "--backend",
    type=click.Choice(["auto", *BACKENDS]),
    default="auto",
    show_default=True,
    help="Runtime that must work.",
)
@click.version_option(package_name="colorize-gan")
@exit_with_code
def colorize_doctor(model: str, device: str, backend: str) -> int:
    """Say what is installed, what works on this machine, and what to do about the rest.

    Exit codes: 0 what was asked for works, 2 wrong usage, 4 the device or backend does not,
    5 the model cannot be used, 6 a backend gives other colours.
    """
    code, wording = 0, Wording()
    for finding in examine(model, device, backend):
        click.echo(wording.text(finding))
        if finding.error is not None:
            code = finding.error.exit_code
    return code


def examine(model: str, device: str, backend: str) -> Iterator[Finding]:
    """Look at everything; what does not work is a finding, not an exception."""
    yield Finding("colorize-gan", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding("libraries", ", ".join(_versions(_LIBRARIES)))
    yield Finding("extras", _extras())
    yield runtimes(sys.path)
    yield providers()
    yield from cuda()
    yield from _model(model, device, backend)


def runtimes(path: list[str]) -> Finding:
    """Look for several wheels of ONNX Runtime on ``path``: they overwrite each other (onnxruntime#26996)."""
    found = {
        name: distribution.version
        for distribution in importlib.metadata.distributions(path=path)
        if (name := (distribution.metadata["Name"] or "").lower().replace("_", "-")) == _FAMILY[0]
        or name.startswith((f"{_FAMILY[0]}-", _FAMILY[1]))
    }
    text = ", ".join(f"{name} {version}" for name, version in sorted(found.items())) or "none installed"
    if not found:
        return Finding("onnxruntime wheels", text, "pip install colorize-gan again")
    if len(found) > 1:
        advice = (
            f"they share one folder: pip uninstall -y {' '.join(sorted(found))}, "
            "then pip install --force-reinstall the one you want"
        )
        return Finding("onnxruntime wheels", text, advice)
    return Finding("onnxruntime wheels", text)


def providers() -> Finding:
    """Say what the installed ONNX Runtime was built with; that each one works is another question."""
    try:
        import onnxruntime

        built = ", ".join(onnxruntime.get_available_providers())
        return Finding("execution providers", f"onnxruntime {onnxruntime.__version__} was built with {built}")
    except (ImportError, AttributeError, OSError) as error:  # a wheel half overwritten by another
        return Finding("execution providers", f"onnxruntime cannot be used ({error})", "install it again")


def cuda() -> Iterator[Finding]:
    """Look for the driver, and for the libraries that ONNX Runtime's CUDA provider loads."""
    if platform.system() == "Darwin":
        return
    driver = has_nvidia_driver()
    yield Finding("NVIDIA driver", "loads" if driver else "none: runs on the CPU")
    needed = _cuda_libraries()
    if not needed:
        yield Finding("CUDA", "this onnxruntime was built without it")
        return
    missing = [name for name in needed if not _loads(name)]
    text = f"of {', '.join(needed)}: " + (f"missing {', '.join(missing)}" if missing else "all load")
    yield Finding("CUDA libraries", text, _CUDA_ADVICE if missing and driver else "")


_CUDA_ADVICE = "pip install 'colorize-gan[cuda]', or put your CUDA and cuDNN on the library path"


def _cuda_libraries() -> list[str]:
    """Return the libraries that the CUDA provider loads, those that others need first."""
    try:
        import onnxruntime
        from onnxruntime.capi.build_and_package_info import cuda_version
    except (ImportError, AttributeError, OSError):
        return []
    major = str(cuda_version).partition(".")[0]
    if not major.isdecimal():
        return []
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what fails, which is told below
        onnxruntime.preload_dlls()
    cufft = int(major) - _CUFFT_BEHIND_CUDA
    if sys.platform == "win32":
        names = [f"cublasLt64_{major}.dll", f"cublas64_{major}.dll", f"cudart64_{major}.dll"]
        return [*names, f"cufft64_{cufft}.dll", f"cudnn64_{_CUDNN}.dll"]
    names = [f"lib{name}.so.{major}" for name in ("cudart", "cublasLt", "cublas", "nvrtc")]
    return [*names, "libcurand.so.10", f"libcufft.so.{cufft}", f"libcudnn.so.{_CUDNN}"]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _model(name: str, device: str, backend: str) -> Iterator[Finding]:
    """Open the model as asked for and compare its colours with its fingerprint."""
    try:
        from colorize_gan.core.parity import compare_with_fingerprint, enforce, limit_of
        from colorize_gan.infer.backends.open import open_backend

        path = find_model(name)
        yield Finding("model", f"{name} at {_shortened(path)}, {path.stat().st_size / 1e6:.1f} MB")
        opened = open_backend(path, backend, device)
        yield Finding(
            "runs",
            f"on {opened.name}, {opened.device}, {opened.precision} (--backend {backend}, --device {device})",
        )
        if backend == "auto" and opened.device == "cpu" and len(BACKENDS_BY_SUFFIX[path.suffix]) > 1:
            yield from _candidates(path)
        record = compare_with_fingerprint(opened.run, opened.contract)
        enforce(record, limit := limit_of(opened.contract, opened.precision))
        yield Finding("colours", f"CIEDE2000 p99 {record['p99']} to its fingerprint (at most {limit.p99})")
    except ColorizeError as error:
        yield Finding("asked for", str(error), error=error)
    except (ImportError, AttributeError) as error:
        broken = ColorizeError(f"onnxruntime cannot be used ({error})")
        yield Finding("asked for", str(broken), "see the onnxruntime wheels above", broken)


def _candidates(model: Path) -> Iterator[Finding]:
    """Show how each runtime of the model does here, and from how many pictures on ``auto`` takes it."""
    from colorize_gan.infer.backends.choice import described, taken_from
    from colorize_gan.infer.backends.open import trials_of

    own, *others = trials_of(model)
    bounds = [least for each in others if (least := taken_from(each, own)) is not None]
    yield Finding(
        f"auto: {own.backend}",
        f"{described(own)}; taken for " + (f"fewer than {min(bounds)} pictures" if bounds else "any number"),
    )
    for each in others:
        least = taken_from(each, own)
        colors = "" if each.fault else f", CIEDE2000 p99 {each.p99:.2f} to {own.backend}"
        taken = "not taken" if least is None else f"taken from {least} pictures on"
        yield Finding(f"auto: {each.backend}", f"{described(each)}{colors}; {taken}")
    for name in sorted({*BACKENDS_BY_SUFFIX[model.suffix]} - {each.backend for each in (own, *others)}):
        yield Finding(f"auto: {name}", f"not installed; pip install 'colorize-gan[{name}]'")


def _versions(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield f"{name} {importlib.metadata.version(name)}"


def _extras() -> str:
    states = (
        f"{extra} {'yes' if importlib.util.find_spec(packages[0]) else 'no'}"
        for extra, packages in EXTRAS.items()
    )
    return f"{', '.join(states)} (pip install 'colorize-gan[NAME]')"


def _shortened(path: Path) -> str:
    home = str(Path.home())
    return str(path).replace(home, "~", 1) if str(path).startswith(home) else str(path)
