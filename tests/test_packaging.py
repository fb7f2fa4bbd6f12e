"""What says which packages are needed says the same: setup.cfg, the oldest versions, the container."""

import configparser
import importlib.metadata
import re
from pathlib import Path

from colorize_gan.core.version import __version__

ROOT = Path(__file__).parent.parent
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[[\w,-]+\])?(>=(?P<version>[\d.]+))?(; (?P<marker>.+))?")


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


BASE = lines(setup()["options"]["install_requires"])
EXTRAS = {name: lines(text) for name, text in setup()["options.extras_require"].items()}


def bounds(requirements: list[str]) -> dict[str, str]:
    """Normalised name and lower bound of each; the package itself, as an extra of an extra, has none."""
    found = [REQUIREMENT.fullmatch(line) for line in requirements]
    named = {each["name"].lower().replace("_", "-"): each["version"] for each in found if each}
    assert len(found) == sum(each is not None for each in found), requirements
    return {name: version for name, version in named.items() if version}


def test_oldest_versions_are_the_lower_bounds() -> None:
    tested = ("train", "export", "heif", "openvino", "serve")
    wanted = bounds(BASE + [line for name in tested for line in EXTRAS[name]])
    pins = [line.split("==") for line in lines((ROOT / ".ci" / "oldest.txt").read_text())]
    assert {name.lower().replace("_", "-"): version for name, version in pins} == wanted


def test_the_container_has_the_requirements_without_cuda() -> None:
    base = [line.split(";")[0] for line in BASE if not line.startswith("onnxruntime-gpu")]
    extras = [line for name in ("serve", "heif", "openvino") for line in EXTRAS[name]]
    assert sorted(lines((ROOT / "containers" / "requirements.txt").read_text())) == sorted(base + extras)


def test_the_version_is_one() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited
    assert cited[1] == __version__ == importlib.metadata.version("colorize-gan")
