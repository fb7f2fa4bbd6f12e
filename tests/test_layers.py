"""The folders import in one direction only, and nothing heavy comes with the light ones."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "core": {"torch", "onnxruntime", "openvino", "timm", "trainer", "exporter", "infer", "benchmarks"},
    "infer": {"torch", "timm", "trainer", "exporter", "benchmarks"},
    "trainer": {"onnxruntime", "openvino", "infer", "exporter", "benchmarks"},
    "exporter": {"benchmarks"},
}
ALLOWED = {"infer/backends/torch_backends.py": {"torch"}}


def imported(path: Path) -> set[str]:
    """Top-level packages, and the subpackages of colorize_gan, that a module imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.removeprefix("colorize_gan.").split(".")[0] for name in names}


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        relative = path.relative_to(ROOT).as_posix()
        assert not imported(path) & (FORBIDDEN[folder] - ALLOWED.get(relative, set())), relative


def test_importing_the_library_loads_no_torch() -> None:
    code = "import sys, colorize_gan.infer as infer; infer.Colorizer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
