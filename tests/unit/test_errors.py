"""Errors and how they end a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lakestorm.errors
from lakestorm.errors import ExitCode, LakestormError, SettingsError, exit_on_error

ROOT = Path(__file__).parents[2]
INTERRUPTED = """
import sys
from lakestorm.errors import exit_on_error
sys.exit(exit_on_error(lambda: exec("raise KeyboardInterrupt")))
"""


def tree(kind: type[LakestormError], depth: int = 0) -> list[tuple[int, str, int]]:
    """(depth, name, exit code) of a class and all below it, in the order they were written."""
    mine = [(depth, kind.__name__, int(kind.exit_code))]
    return mine + [row for below in kind.__subclasses__() for row in tree(below, depth + 1)]


def drawn() -> list[tuple[int, str, int]]:
    """The same, as the module's docstring draws it."""
    found = re.findall(r"^( {4}[│├└─ ]*)(\w+Error) +(\d)  ", str(lakestorm.errors.__doc__), re.MULTILINE)
    return [(len(indent) // 4 - 1, name, int(code)) for indent, name, code in found]


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring's tree has every class of the module, below the right one, with its exit code."""
    ours = [row for row in tree(LakestormError) if hasattr(lakestorm.errors, row[1])]
    assert drawn() == ours
    assert len(ours) >= 9


@pytest.mark.parametrize("code", [0, 3, 4])
def test_a_verdict_is_handed_on(code: int) -> None:
    """What `main` returns is the exit code."""
    assert exit_on_error(lambda: code) == code


@pytest.mark.parametrize(("_depth", "name", "code"), drawn())
def test_an_error_of_ours_ends_in_words(capsys: pytest.CaptureFixture[str], _depth: int, name: str, code: int) -> None:
    """Its sentence goes to standard error, without a traceback, and its code ends the process."""
    kind = getattr(lakestorm.errors, name)
    error = kind(["Läden sind zu."]) if issubclass(kind, SettingsError) else kind("Läden sind zu.")

    def fails() -> int:
        raise error

    assert exit_on_error(fails) == code
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Läden sind zu.\n")


def test_an_interrupt_ends_as_shells_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is 130 and no traceback."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert exit_on_error(interrupted) == ExitCode.INTERRUPTED
    assert int(ExitCode.INTERRUPTED) == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_an_interrupt_inside_of_exec_is_no_other(tmp_path: Path) -> None:
    """Python remembers it, and would end a module by SIGINT after all: -2 to a parent that is no shell."""
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    line = [sys.executable, "-m", "interrupted"]
    done = subprocess.run(line, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == ExitCode.INTERRUPTED


def test_a_bug_keeps_its_traceback() -> None:
    """Anything that is no error of ours goes through."""
    with pytest.raises(ZeroDivisionError):
        exit_on_error(lambda: 1 // 0)


def test_several_problems_are_several_lines() -> None:
    """A SettingsError carries all of its sentences, one a line."""
    error = SettingsError(["A is 1.", "B is 2."])
    assert error.problems == ("A is 1.", "B is 2.")
    assert str(error) == "A is 1.\nB is 2."
