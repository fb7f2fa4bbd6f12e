"""The folders import in one direction only; the light ones load nothing heavy; importing changes nothing."""

import ast
import graphlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = {"core": 0, "trainer": 1, "infer": 1, "exporter": 2, "cli": 3, "benchmarks": 4}
"""A folder may import those of lower numbers, and itself."""

ROOMS = {
    "backends": 0,
    "": 1,
    "batch": 2,
    "remote": 3,
    "video": 3,
    "folder": 4,
    "batch_job": 4,
    "jobs": 5,
    "server": 4,
    "web": 4,
}
"""The same inside `infer`; the second is its top, but for what chooses between places for all of it."""

HEAVY = {
    "core": {"torch", "onnxruntime", "openvino", "timm", "click"},
    "infer": {"torch", "timm", "click"},
    "trainer": {"onnxruntime", "openvino", "click"},
    "exporter": {"click"},
}
ALLOWED = {"infer.backends.torch_backends": {"torch"}}
LIBRARY = {"core", "trainer", "exporter", "infer"}
FLAG = re.compile(r"--([a-z]|$)")

COMMAND_LINE = {"click", "sys.argv"}
WORLD_CHANGING = {"unittest.mock", "os.chdir", "__class__ assigned"}
MOST_LINES = 300
MOST_AT_THE_TOP = 12


def modules() -> Iterator[tuple[str, Path]]:
    for folder in LAYERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "studies" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


MODULES = dict(modules())


def imported(path: Path) -> set[str]:
    """All that a module imports anywhere; names of its own package without ``colorize_gan``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return {name.removeprefix("colorize_gan.") for name in names}


IMPORTS = {name: imported(path) for name, path in MODULES.items()}
ARROWS = [
    (name, other) for name, names in IMPORTS.items() for other in names if other in MODULES and other != name
]


def layer(name: str) -> int:
    return LAYERS[name.split(".")[0]]


def room(name: str) -> int:
    second = name.split(".")[1]
    return ROOMS.get(second, ROOMS[""])


def test_folders_import_in_one_direction() -> None:
    upward = {(name, other) for name, other in ARROWS if layer(other) > layer(name)}
    aside = {(name, other) for name, other in ARROWS if {"trainer", "infer"} == {name[:7], other[:5]}}
    assert not upward | aside


def test_rooms_of_infer_import_in_one_direction() -> None:
    inner = [arrow for arrow in ARROWS if all(name.startswith("infer.") for name in arrow)]
    assert not {(name, other) for name, other in inner if room(other) > room(name)}


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: {other for own, other in ARROWS if own == name} for name in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("folder", HEAVY)
def test_light_folders_import_nothing_heavy(folder: str) -> None:
    for name, names in IMPORTS.items():
        if name.split(".")[0] == folder:
            packages = {other.split(".")[0] for other in names}
            assert not packages & (HEAVY[folder] - ALLOWED.get(name, set())), name


def test_importing_the_library_loads_no_torch() -> None:
    code = "import sys, colorize_gan.infer as infer; infer.Colorizer; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_modules_are_short() -> None:
    assert [name for name, path in MODULES.items() if len(path.read_text().splitlines()) > MOST_LINES] == []


def test_the_top_of_infer_can_be_looked_over() -> None:
    assert len(list((ROOT / "infer").glob("*.py"))) <= MOST_AT_THE_TOP


def messages(path: Path) -> Iterator[str]:
    """All texts of a module, but for its documentation."""
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_messages_of_the_library_name_no_flags() -> None:
    for name, path in MODULES.items():
        if name.split(".")[0] in LIBRARY:
            assert not [text for text in messages(path) if FLAG.search(text)], name


def used(path: Path) -> set[str]:
    """What a module imports, the attributes of modules that it names, and classes that it changes."""
    names = imported(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add(f"{node.value.id}.{node.attr}")
        if isinstance(node, ast.Attribute) and node.attr == "__class__" and isinstance(node.ctx, ast.Store):
            names.add("__class__ assigned")
    return names | {name.split(".")[0] for name in names}


def test_the_library_knows_no_command_line_and_changes_no_world() -> None:
    for name, path in MODULES.items():
        if name.split(".")[0] in LIBRARY:
            left = COMMAND_LINE | WORLD_CHANGING
            assert not used(path) & left, name


PROBE = """
import contextlib, importlib, json, logging, os, signal, sys, threading

def state():
    import cv2, PIL.Image, pyvips
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "missing modules": sorted(name for name, module in sys.modules.items() if module is None),
        "signals": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "cpus": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        "policy": os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0,
        "niceness": os.nice(0) if hasattr(os, "nice") else 0,
        "threads": threading.active_count(),
        "hooks": [str(sys.excepthook), str(threading.excepthook), str(sys.stdout), str(sys.stderr)],
        "levels": {name: logger.level for name, logger in logging.root.manager.loggerDict.items()
                   if isinstance(logger, logging.Logger) and logger.level} | {"": logging.root.level},
        "handlers": len(logging.root.handlers),
        "pixels": PIL.Image.MAX_IMAGE_PIXELS,
        "pyvips": [str(pyvips.error._to_string), str(pyvips._to_string)],
        "libvips": [pyvips.vips_lib.vips_concurrency_get(), pyvips.vips_lib.vips_cache_get_max()],
        "opencv": cv2.getNumThreads(),
    }

own, others = json.loads(sys.stdin.read())
for name in others:  # what these change is theirs; but for those that are to be asked to change nothing
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
before = state()
for name in own:
    importlib.import_module(name)
after = state()
print(json.dumps({key: [before[key], after[key]] for key in before if before[key] != after[key]}))
"""


def test_importing_all_changes_nothing() -> None:
    packages = {other for names in IMPORTS.values() for other in names if other not in MODULES}
    own = {name.split(".")[0] for name in MODULES}
    others = sorted(
        {
            name
            for name in packages
            if name.split(".")[0] not in own | {"colorize_gan", "onnxruntime", "openvino"}
        }
    )
    given = json.dumps([[f"colorize_gan.{name}" for name in sorted(MODULES)], others])
    done = subprocess.run([sys.executable, "-c", PROBE], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout.splitlines()[-1])
    assert changed == {}
