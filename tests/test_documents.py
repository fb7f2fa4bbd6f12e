"""The documents say what is true: links lead somewhere, and tables are what the committed JSON gives."""

import re
from itertools import pairwise, zip_longest
from pathlib import Path

import pytest

from colorize_gan.benchmarks.report import read_results
from colorize_gan.benchmarks.section import SECTIONS
from colorize_gan.benchmarks.tables import documents, filled
from colorize_gan.core.errors import DataError

ROOT = Path(__file__).parent.parent
RESULTS = read_results(ROOT / "benchmarks" / "results.json")
PAGES = [path for folder in (".", "docs", "examples", "benchmarks") for path in (ROOT / folder).glob("*.md")]
MADE = {path.relative_to(ROOT).as_posix(): text for path, text in documents()}
NOT_MEASURED = ("| precision | file | limit", "| set | repository |")
"""Tables with columns of numbers that are settings, or that others state."""


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def differences(document: str, text: str, made: str) -> list[str]:
    """Where a document differs from what is made: file, line, both texts."""
    pairs = zip_longest(text.splitlines(), made.splitlines())
    return [
        f"{document}:{number}: {own!r}, but the committed JSON gives {other!r}; run `make tables`"
        for number, (own, other) in enumerate(pairs, 1)
        if own != other
    ]


@pytest.mark.parametrize("document", MADE)
def test_tables_are_what_the_committed_json_gives(document: str) -> None:
    assert differences(document, (ROOT / document).read_text(encoding="utf-8"), MADE[document]) == []


def test_reversed_rows_are_found_with_file_and_line() -> None:
    lines = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| 12 MP JPEG |"))
    last = next(number for number in range(first, len(lines)) if not lines[number])
    lines[first:last] = lines[first:last][::-1]
    text = "\n".join(lines) + "\n"
    found = differences("benchmarks.md", text, filled(text, "benchmarks.md"))
    assert found[0].startswith(f"benchmarks.md:{first + 1}: ")
    assert len(found) == last - first - (last - first) % 2  # a row in the middle stays where it is


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table: proof -->\n\nno end", "without its other half"),
        ("<!-- table: proof -->\n\n<!-- table: pipeline -->\n<!-- end -->\n", "without its other half"),
        ("<!-- table: prof -->\n<!-- end -->\n", "no table is called 'prof'"),
    ],
)
def test_wrong_markers_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"README.md: .*{message}"):
        filled(text, "README.md")


@pytest.mark.parametrize("document", sorted(set(MADE) - {"benchmarks/RESULTS.md"}))
def test_no_table_of_figures_is_typed(document: str) -> None:
    lines = re.sub(
        "<!-- table: .*?<!-- end -->", "", (ROOT / document).read_text(), flags=re.DOTALL
    ).splitlines()
    typed = [head for head, rule in pairwise(lines) if re.match(r"\|.*-:", rule)]
    assert [head for head in typed if not head.startswith(NOT_MEASURED)] == []


def test_results_are_those_of_a_full_run() -> None:
    assert list(RESULTS) == list(SECTIONS)
    assert not any(result["quick"] for result in RESULTS.values())


def test_json_is_that_of_the_shipped_model() -> None:
    from colorize_gan.infer import Colorizer

    contract = Colorizer().contract
    recorded = RESULTS["quality"]
    assert (recorded["record"], recorded["parity"]) == (contract.quality, contract.parity)
