"""The Dockerfiles are sound as far as that can be told without building them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKERFILES = sorted((ROOT / "containers").glob("Dockerfile*"))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_the_server_does_not_run_as_root_and_is_looked_after(dockerfile: Path) -> None:
    last_stage = dockerfile.read_text().split("\nFROM ")[-1]
    instructions = [line.split()[0] for line in last_stage.splitlines()[1:] if line[:1].isupper()]
    assert instructions.index("USER") < instructions.index("ENTRYPOINT")
    assert "HEALTHCHECK" in instructions
    assert "/healthz" in last_stage
    assert "USER root" not in last_stage


def test_the_image_is_built_from_all_folders_of_the_package() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    setup = (ROOT / "setup.cfg").read_text()
    folders = setup.split("package_dir =")[1].split("\n#")[0].splitlines()
    roots = {line.split("=")[1].strip().split("/")[0] for line in folders if "=" in line}
    assert roots <= taken
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= taken
