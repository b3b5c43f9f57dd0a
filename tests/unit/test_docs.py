"""What the docs name is there: links, files, settings, commands, sentences of errors."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

import seed.__main__
from lakestorm.cli import command_line
from lakestorm.settings import env_name, every_field

if TYPE_CHECKING:
    import argparse

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [str(doc.relative_to(ROOT)) for doc in DOCS]

FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CAPITALS = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+_?\b")
OUR_PATH = re.compile(r"(?:lakestorm|seed|locustfiles|loadshapes|scripts|tests|docs|\.ci)/[\w./-]*")
HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:org|com|net|io|dev|edu)\b")
FOLDER_OF_A_MACHINE = re.compile(r"(?<![\w.~-])/(?:work|home|root|Users|opt|mnt|srv)/|\bshared/")

OTHER_CAPITALS = {
    "NAME_FILE", "NO_COLOR", "LAKESTORM_CHROMIUM", "O_DIRECT", "SASL_PLAINTEXT", "SASL_SSL",
    "BASE_IMAGE", "BASE_DIGEST",
}  # fmt: skip
"""Names in capitals that are no settings: a placeholder, a convention of terminals, a variable of the Makefile …"""
SOURCES = {
    "docs.nosqlbench.io",
    "docs.opensearch.org",
    "github.com",
    "grafana.com",
    "hdrhistogram.github.io",
    "locust.io",
    "www.postgresql.org",
    "www.rfc-editor.org",
}
"""Hosts of documents that something rests on. Where packages come from is the business of whoever installs them."""


def text_of(doc: Path) -> str:
    """A document."""
    return doc.read_text(encoding="utf-8")


def prose_of(doc: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", text_of(doc))


def commands_of(doc: Path) -> list[str]:
    """What the document has as code: spans, and lines of fenced blocks up to a comment."""
    lines = [line for block in FENCE.findall(text_of(doc)) for line in block.splitlines()[1:-1]]
    return [*SPAN.findall(prose_of(doc)), *(line.partition(" #")[0].strip() for line in lines)]


def anchors_of(doc: Path) -> set[str]:
    """What `#…` may name in a document: its headings as GitHub and GitLab spell them."""
    headings = re.findall(r"^#+ +(.+)$", prose_of(doc), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def refusal(parser: argparse.ArgumentParser, command: str, program: str) -> str:
    """A command line if it is wrong, else nothing. Arguments end where the shell takes over; a verb may stand alone."""
    arguments = shlex.split(re.split(r"\s(?:>|\||&&|;|…)", command.partition(program)[2])[0])
    try:
        parser.parse_args([*arguments, "--help"] if len(arguments) == 1 else arguments)
    except SystemExit as end:
        return "" if end.code == 0 else command
    return ""


@functools.cache
def sentences() -> str:
    """All text that the code has as strings, a line each."""
    files = [file for folder in ("lakestorm", "seed") for file in (ROOT / folder).rglob("*.py")]
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_there_are_documents() -> None:
    """The documents that this file watches are found."""
    assert {"CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md", "docs/measuring.md"} < set(NAMES)


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_links_lead_somewhere(doc: Path) -> None:
    """Every link to a file names one of the checkout, every `#…` a heading in it."""
    for target in LINK.findall(prose_of(doc)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = (doc.parent / parts.path).resolve() if parts.path else doc
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        assert not parts.fragment or parts.fragment in anchors_of(file), target


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_files_that_are_named_exist(doc: Path) -> None:
    """A path of the checkout in code style is one that is there."""
    named = [span for span in SPAN.findall(prose_of(doc)) if OUR_PATH.fullmatch(span)]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_settings_that_are_named_exist(doc: Path) -> None:
    """A name in capitals is a setting, its `_FILE`, or the beginning of several, as in `SEED_*`."""
    names = {env_name(group, name) for group, name, _ in every_field()}
    named = set(CAPITALS.findall(text_of(doc))) - OTHER_CAPITALS
    known = {name for name in named if name in names or name.removesuffix("_FILE") in names}
    known |= {name for name in named if name.endswith("_") and any(real.startswith(name) for real in names)}
    assert named - known - misspelt_on_purpose(doc) == set()


def misspelt_on_purpose(doc: Path) -> set[str]:
    """Names that a document shows being refused."""
    return set(re.findall(r"(\w+) is not a setting", text_of(doc)))


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_make_targets_that_are_named_exist(doc: Path) -> None:
    """`make X` is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {match[1] for code in commands_of(doc) if (match := re.match(r"make ([a-z-]+)", code))}
    assert named - targets == set()


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_commands_that_are_named_exist(doc: Path) -> None:
    """`lakestorm …` and `python -m seed …` are command lines that their parsers take."""
    parsers = {"lakestorm": command_line.parser(), "python -m seed": seed.__main__.parser()}
    wrong = [
        refusal(parser, code, program)
        for code in commands_of(doc)
        for program, parser in parsers.items()
        if re.match(rf"(?:\.venv/bin/)?{program} [a-z]", code)
    ]
    assert [command for command in wrong if command] == []


@pytest.mark.parametrize("doc", ["docs/operating.md", "docs/scenarios.md"])
def test_sentences_of_errors_are_those_of_the_code(doc: str) -> None:
    """Where a table says what an error says, each part between two … stands in the code."""
    rows = re.findall(r"^\| .*`[^`]*…[^`]*`.* \|$", prose_of(ROOT / doc), re.MULTILINE)
    quoted = [span for row in rows for span in SPAN.findall(row) if "…" in span and " " in span]
    parts = [part for span in quoted for part in span.split("…") if part.strip(" .:,")]
    assert len(parts) >= 5
    assert [part for part in parts if part.strip() not in sentences()] == []


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_documents_stand_alone(doc: Path) -> None:
    """No document names a host that is no source of a definition, or a folder that only one machine has."""
    assert set(HOST.findall(text_of(doc))) - SOURCES == set()
    assert FOLDER_OF_A_MACHINE.findall(text_of(doc)) == []


@pytest.mark.parametrize("doc", DOCS, ids=NAMES)
def test_documents_speak_plainly(doc: Path) -> None:
    """Sentences, not shouting: no exclamation marks outside code, no emoji."""
    prose = SPAN.sub("", prose_of(doc))
    assert re.findall(r"\w!", prose) == []
    assert re.findall("[\U0001f300-\U0001faff\u2600-\u27bf]", prose) == []
