"""People read documents, help texts, docstrings and messages: short sentences, each of which stands alone."""

import ast
import configparser
import importlib
import inspect
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
MODULES = [
    path
    for folder in ("benchmarks", "cli", "core", "exporter", "infer", "trainer")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
FRAGMENT = re.compile(r"^(Of|Whether|Who|For what|In what|By what) [^.?!:]*[.]$")
"""A clause whose noun is in another line: "Of the input; empty of a file.\""""
CLAUSE = re.compile(r"^(Of|Whether|Who|What|For what|In what|By what) [^?]*$")
"""In a docstring, a clause in the place of a noun: "What a run is asked to do.\""""
PRIVATE = re.compile(r"\b(anew|in (?:hand|work)|the lot|floor|go(?:es|ing)? on|gone on|(?:is|are) told)\b")
"""Words that mean here what they mean nowhere else: again, in progress, all, limit, continue or resume."""


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
    assert [each for each in found if FRAGMENT.match(each) or PRIVATE.search(each)] == []


def docstrings(module: Path) -> Iterator[str]:
    """Yield the docstrings of a module: of itself, its classes, functions, attributes and constants."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield inspect.cleandoc(text)


def sentences_of(docstring: str) -> Iterator[str]:
    """Yield the sentences of a docstring; an argument in a list of them loses its name."""
    text = re.sub(r"``[^`]*``|`[^`]*`", "Code", re.sub(r"(?ms)^\x08$.*?^$", "", docstring))
    for block in re.split(r"(?m)\n\s*\n|\n\s*(?=[-*] )|\n(?= {4}\S)|^(?:Args|Returns|Raises|Yields):$", text):
        plain = re.sub(r"\s+", " ", re.sub(r"^ {4}[\w*, ]+: (?=\S)", "", block)).strip()
        yield from re.split(r"(?<=[.?!])\s+(?=[A-Z0-9\"(])", plain)


def test_docstrings_are_short_and_stand_alone() -> None:
    found = {each: module for module in MODULES for text in docstrings(module) for each in sentences_of(text)}
    assert {each: module for each, module in found.items() if len(each.split()) > MOST_WORDS} == {}
    assert {
        each: module for each, module in found.items() if CLAUSE.match(each) or PRIVATE.search(each)
    } == {}


def messages(module: Path) -> Iterator[str]:
    """Yield the texts of the errors that a module raises, with an X for each value."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        match node:
            case ast.Raise(exc=ast.Call(args=[ast.Constant(value=str(text)), *_])):
                yield text
            case ast.Raise(exc=ast.Call(args=[ast.JoinedStr(values=parts), *_])):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)


def test_messages_are_short() -> None:
    found = {text: module for module in MODULES for text in messages(module)}
    assert len(found) > 100  # a raise that is written in another way is not seen
    assert {text: module for text, module in found.items() if len(text.split()) > MOST_WORDS_OF_HELP} == {}
    assert {text: module for text, module in found.items() if PRIVATE.search(text)} == {}


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
