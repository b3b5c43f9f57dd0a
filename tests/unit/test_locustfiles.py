"""Locustfiles and loadshapes: names that Locust can load side by side, and no more than they need to be."""

from __future__ import annotations

import collections
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LENGTHS = {"locustfiles": 100, "loadshapes": 30}
FILES = [path for folder in LENGTHS for path in sorted((ROOT / folder).glob("*.py"))]


def is_importable(stem: str) -> bool:
    """Whether `import stem` finds a module of the standard library or of a package, apart from these folders."""
    if stem in sys.builtin_module_names or stem in sys.stdlib_module_names:
        return True
    return importlib.util.find_spec(stem) is not None


def test_the_files_are_there() -> None:
    """Both folders hold something."""
    assert {path.parent.name for path in FILES} == set(LENGTHS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stem_is_no_module(path: Path) -> None:
    """Locust loads a file under its bare stem: one that is a module too would hide it, or be hidden by it."""
    assert path.stem.isidentifier()
    assert not is_importable(path.stem)


@pytest.mark.parametrize("stem", ["wave", "json", "locust", "kafka_", "seed", "numpy"])
def test_the_check_knows_modules(stem: str) -> None:
    """Modules of all kinds are recognised, and a name that is none is not."""
    assert is_importable(stem) is (stem != "kafka_")


def test_no_two_files_share_a_stem() -> None:
    """`-f a.py,b.py` loads both: of two with one stem the second would be the first again."""
    counted = collections.Counter(path.stem for path in FILES)
    assert [stem for stem, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_says_what_it_is(path: Path) -> None:
    """A scenario has at most 100 lines, a shape at most 30; the first line says what it is."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LENGTHS[path.parent.name]
    assert text.startswith('"""')


def test_folders_are_no_packages() -> None:
    """Locust loads files of both folders by path; an __init__.py would make them modules of ours too."""
    assert [path for path in FILES if path.name == "__init__.py"] == []
