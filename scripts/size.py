#!/usr/bin/env python3
"""How long files and functions are, by folder: `make size`. Ends with 1 if the usual function is too long.

Lines include blanks, comments and docstrings. Percentiles are `inverted_cdf`. Tests are shown and not judged.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
FOLDERS = ("lakestorm", "seed", "sysload", "locustfiles", "loadshapes", "scripts", "tests")
MEDIAN_LINES, P90_LINES = 10, 30
"""The house rule: half of all functions, and nine of ten, are not longer."""
LONG_FUNCTION, LONG_FILE = 50, 300
"""Beyond these a function, or a file, is named: is it two?"""
HEAD = (
    f"{'folder':<24}{'files':>6}{'lines':>8}   {'file median':>11}{'p90':>6}{'max':>6}"
    f"   {'function median':>15}{'p90':>6}{'max':>6}{'documented':>12}"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """A function or method.

    Args:
        name: with its line, for messages.
        lines: from `def` to its last line.
        is_public: neither it nor its class or outer function is private.
        is_documented: it has a docstring.
    """

    name: str
    lines: int
    is_public: bool
    is_documented: bool


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file: its path from the root, its lines, its functions."""

    path: Path
    lines: int
    functions: tuple[Function, ...]

    @property
    def folder(self) -> str:
        """The row of the table: the folder, at most two deep."""
        return "/".join(self.path.parts[:-1][:2])


def functions_of(node: ast.AST, *, is_public: bool = True) -> Iterator[Function]:
    """Every function below a node of the syntax tree, inner ones too."""
    for child in ast.iter_child_nodes(node):
        is_open = is_public
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            is_open = is_public and not child.name.startswith("_")
            if not isinstance(child, ast.ClassDef):
                lines = (child.end_lineno or child.lineno) - child.lineno + 1
                yield Function(f"{child.lineno} {child.name}", lines, is_open, ast.get_docstring(child) is not None)
                is_open = False
        yield from functions_of(child, is_public=is_open)


def read(path: Path, root: Path) -> File:
    """Measure a file."""
    text = path.read_text(encoding="utf-8")
    return File(path.relative_to(root), len(text.splitlines()), tuple(functions_of(ast.parse(text))))


def percentile(values: Sequence[int], share: float) -> int:
    """The `inverted_cdf` percentile; 0 without values."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1] if values else 0


def spread(values: Sequence[int], width: int) -> str:
    """Median, p90 and maximum."""
    return f"{percentile(values, 0.5):>{width}}{percentile(values, 0.9):>6}{max(values, default=0):>6}"


def lengths(files: Sequence[File]) -> list[int]:
    """Lines of all their functions."""
    return [function.lines for file in files for function in file.functions]


def row(name: str, files: Sequence[File]) -> str:
    """One line of the table."""
    public = [function.is_documented for file in files for function in file.functions if function.is_public]
    documented = f"{100 * sum(public) / len(public):.0f} %" if public else "–"
    file_lines = [file.lines for file in files]
    return (
        f"{name:<24}{len(files):>6}{sum(file_lines):>8}   {spread(file_lines, 11)}"
        f"   {spread(lengths(files), 15)}{documented:>12}"
    )


def table(files: Sequence[File]) -> Iterator[str]:
    """The table: a row a folder, then code and tests as a whole."""
    folders: dict[str, list[File]] = collections.defaultdict(list)
    for file in files:
        folders[file.folder].append(file)
    yield HEAD
    yield from (row(folder, folders[folder]) for folder in folders)
    yield from (row(name, part) for name, part in (("all code", code(files)), ("all tests", tests(files))) if part)


def code(files: Sequence[File]) -> list[File]:
    """What is no test."""
    return [file for file in files if file.path.parts[0] != "tests"]


def tests(files: Sequence[File]) -> list[File]:
    """What is a test."""
    return [file for file in files if file.path.parts[0] == "tests"]


def long_ones(files: Sequence[File]) -> Iterator[str]:
    """A line for each file and function that is longer than usual."""
    for file in files:
        if file.lines > LONG_FILE:
            yield f"{file.path}: {file.lines} lines; is it two files?"
        for function in file.functions:
            if function.lines > LONG_FUNCTION:
                line, name = function.name.split()
                yield f"{file.path}:{line}: {name} has {function.lines} lines; is it two functions?"


def faults(files: Sequence[File]) -> Iterator[str]:
    """A sentence for each part of the house rule that the code does not keep."""
    found = lengths(code(files))
    for share, most in ((0.5, MEDIAN_LINES), (0.9, P90_LINES)):
        lines = percentile(found, share)
        if lines > most:
            yield f"{share:.0%} of all functions have up to {lines} lines; at most {most} are wanted. Shorten some."


def main(root: Path = ROOT) -> int:
    """Print the table, the long ones and what is wrong; 1 if something is."""
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
    files = sorted((read(path, root) for path in paths), key=lambda file: FOLDERS.index(file.path.parts[0]))
    print("\n".join([*table(files), *long_ones(files)]))
    wrong = list(faults(files))
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
