"""Fail when the wheel or the sdist lacks a part of the package, or holds anything else.

`python .ci/check_package.py dist`; with `--install` both are also installed, each into an empty environment.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

DATA = (
    *("core/py.typed", "trainer/py.typed", "infer/py.typed", "exporter/py.typed", "cli/py.typed"),
    *(
        "benchmarks/py.typed",
        *(f"infer/models/{name}.onnx" for name in ("lite2", "lite2-int8", "dinov2-small")),
    ),
    *("infer/batch/gallery.html", "infer/web/page/index.html", "core/photographs/cat.webp"),
)
ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmarks", "cli", "core", "exporter", "infer", "trainer")
BESIDE = ("LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg")
"""What an sdist holds beside the package."""


def check_wheel(wheel: Path) -> None:
    """Check the names in a wheel."""
    names = set(zipfile.ZipFile(wheel).namelist())
    expect(wheel, names, {f"colorize_gan/{name}" for name in (*DATA, *modules())})
    refuse(
        wheel,
        {name for name in names if not name.startswith(("colorize_gan/", "colorize_gan-"))} | studies(names),
    )


def check_sdist(sdist: Path) -> None:
    """Check the names in an sdist, below its one folder."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expect(sdist, names, {*DATA, *modules(), *BESIDE})
    inside = ("colorize_gan.egg-info/", *(f"{package}/" for package in PACKAGES))
    refuse(sdist, {name for name in names if not name.startswith(inside)} - set(BESIDE) | studies(names))


def studies(names: set[str]) -> set[str]:
    """Return what belongs to the repository alone."""
    return {name for name in names if "/studies/" in name}


def modules() -> set[str]:
    """Return the modules of the package."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix() for path in paths if "studies" not in path.parts}


def expect(archive: Path, names: set[str], wanted: set[str]) -> None:
    """End when something is missing."""
    if missing := sorted(wanted - names):
        sys.exit(f"{archive.name}: lacks {', '.join(missing)}")


def refuse(archive: Path, strange: set[str]) -> None:
    """End when something does not belong there."""
    if strange:
        sys.exit(f"{archive.name}: should not hold {', '.join(sorted(strange))}")


def check_installed(archive: Path) -> None:
    """Install into an empty environment, and colorize a photograph there."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        subprocess.run([programs / "pip", "install", "--quiet", archive], check=True)
        out = Path(folder) / "colored"
        photo = ROOT / "examples" / "photos" / "cat.jpg"
        subprocess.run([programs / "colorize-batch", photo, "--out", out], check=True, cwd=folder)
        if not (out / "cat.jpg").is_file():
            sys.exit(f"{archive.name}: colorize-batch wrote nothing")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    [wheel], [sdist] = arguments.dist.glob("*.whl"), arguments.dist.glob("*.tar.gz")
    check_wheel(wheel)
    check_sdist(sdist)
    for archive in (wheel, sdist) if arguments.install else ():
        check_installed(archive)
