"""The machine that the figures were measured on."""

import datetime
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from colorize_gan.core.system.memory import peak_memory_mb
from colorize_gan.core.version import __version__

BACKENDS = ("onnxruntime", "openvino") if importlib.util.find_spec("openvino") else ("onnxruntime",)
"""That run ONNX files here."""

_PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime-gpu", "onnxruntime", "openvino", "torch", "av")
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")


def machine() -> dict[str, Any]:
    """Describe the machine, and the versions of what does the work."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "gpu": _nvidia_smi("--query-gpu=name") or "none",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": {"colorize-gan": __version__, **_versions()},
    }


def sentence(found: dict[str, Any]) -> str:
    """Return it as one line."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_gb']} GB; GPU: {found['gpu']}; "
        f"{found['system']}; {versions}; {found['date']}"
    )


def peak_mb() -> int:
    """Return the largest resident memory this process has had, MB."""
    if sys.platform == "win32":
        return round(psutil.Process().memory_info().peak_wset / 1e6)
    return round(peak_memory_mb() or 0)


def gpu_memory_mb(process: int) -> int | None:
    """Return the GPU memory a process holds, MB; None without a GPU. The runtimes here give none back."""
    lines = _nvidia_smi("--query-compute-apps=pid,used_memory").splitlines()
    held = [
        used.split()[0] for pid, _, used in (line.partition(",") for line in lines) if int(pid) == process
    ]
    return sum(map(int, held)) if held else None


def _nvidia_smi(query: str) -> str:
    """Return what the driver's tool answers, empty where there is none."""
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    found = [flag for flag in _FLAGS if flag in text]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name} ({', '.join(found)})" if found else name


def _versions() -> dict[str, str]:
    installed = {dist.name: dist.version for dist in importlib.metadata.distributions()}
    return {name: installed[name] for name in _PACKAGES if name in installed}
