"""The documents and help texts are read by people: short sentences, each of which stands alone."""

import configparser
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "examples" / "README.md",
    *(ROOT / "docs").glob("*.md"),
]
MOST_WORDS = 30
MOST_WORDS_OF_HELP = 25
FRAGMENT = re.compile(r"^(Of|Whether|Who|For what|In what|By what) [^.?!:]*[.]$")
"""A clause whose noun is in another line: "Of the input; empty of a file.\""""


def prose(text: str) -> Iterator[str]:
    """Yield the paragraphs, list items and cells of a Markdown page, without code and markup."""
    text = re.sub(r"^```.*?^```$", "\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "\n", text, flags=re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=\|)|\n(?=#)", text):
        for cell in block.split("|") if block.startswith("|") else [block]:
            plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", cell)
            plain = re.sub(r"`[^`]*`", "code", plain)
            yield re.sub(r"\s+", " ", re.sub(r"^\s*(?:[-*]|\d+\.|#+)\s|[*_]{1,2}", "", plain)).strip()


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a Markdown page."""
    for block in prose(text):
        yield from re.split(r"(?<=[.?!])\s+(?=[A-Z0-9\"(])", block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short_and_stand_alone(page: Path) -> None:
    found = list(sentences(page.read_text(encoding="utf-8")))
    assert [each for each in found if len(each.split()) > MOST_WORDS] == []
    assert [each for each in found if FRAGMENT.match(each)] == []


def commands() -> dict[str, click.Command]:
    """Return the commands by their names, as setup.cfg installs them."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    found = {}
    for line in setup["options.entry_points"]["console_scripts"].split("\n"):
        if line:
            name, module, attribute = re.split(r"\s*[=:]\s*", line)
            found[name] = getattr(importlib.import_module(module), attribute)
    return found


COMMANDS = commands()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_options_is_sentences(name: str) -> None:
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option) and not option.hidden:
            text = re.sub(r"  \[default: [^\]]*\]$", "", option.help or "")
            shown = f"{option.opts[0]}: {text}"
            assert re.fullmatch(r"[A-Z].*\.", text), shown
            for sentence in sentences(text):
                assert len(sentence.split()) <= MOST_WORDS_OF_HELP, shown
                assert not FRAGMENT.match(sentence), shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal(name: str) -> None:
    shown = CliRunner().invoke(COMMANDS[name], ["--help"], prog_name=name)
    assert shown.exit_code == 0
    assert max(map(len, shown.output.splitlines())) <= 80
